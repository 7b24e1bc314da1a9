{{- /* What must be there before vLLM starts: the weights, and the configuration with its API keys. */}}
{{- define "vllm.initContainers" -}}
{{- if .Values.download.enabled }}
- name: await-weights
  args:
    - {{ include "vllm.downloadMarker" . | quote }}
    - "300"
  volumeMounts:
    - name: cache
      mountPath: /cache
      readOnly: true
  {{- include "vllm.initContainer" (dict "root" . "script" "vllm.awaitScript") | nindent 2 }}
{{- end }}
{{- if .Values.apiKey.secret }}
- name: api-key
  args:
    - /etc/base/config.yaml
    - /etc/api-key/api-key
    - /etc/vllm/config.yaml
  volumeMounts:
    - name: base-config
      mountPath: /etc/base
      readOnly: true
    - name: api-key
      mountPath: /etc/api-key
      readOnly: true
    - name: config
      mountPath: /etc/vllm
  {{- include "vllm.initContainer" (dict "root" . "script" "vllm.apiKeyScript") | nindent 2 }}
{{- end }}
{{- end }}

{{- define "vllm.initContainer" -}}
image: {{ include "vllm.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
command:
  - python3
  - -I
  - -c
  - |
    {{- include .script .root | nindent 4 }}
resources:
  {{- include "vllm.resources" .root.Values.init.resources | nindent 2 }}
securityContext:
  {{- include "vllm.containerSecurityContext" .root | nindent 2 }}
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}
