{{- /* The server's container. /health says whether the engine lives; vLLM opens the port when the model is loaded. */}}
{{- define "vllm.server" -}}
- name: vllm
  image: {{ include "vllm.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [vllm, serve]
  args: [--config, /etc/vllm/config.yaml]
  env:
    {{- include "vllm.environment" . | nindent 4 }}
  ports:
    - name: http
      containerPort: 8000
      protocol: TCP
  startupProbe:
    {{- include "vllm.probe" (dict "period" 10 "timeout" 5 "failures" (include "vllm.startFailures" .)) | nindent 4 }}
  readinessProbe:
    {{- include "vllm.probe" (dict "period" 5 "timeout" 5 "failures" 3) | nindent 4 }}
  livenessProbe:
    {{- include "vllm.probe" (dict "period" 10 "timeout" 10 "failures" 6) | nindent 4 }}
  lifecycle:
    preStop:
      sleep:
        seconds: {{ .Values.drain.preStopSeconds | int64 }}
  resources:
    {{- include "vllm.resources" .Values.resources | nindent 4 }}
      {{ toYaml .Values.gpu.resource }}: {{ .Values.gpu.count | int64 }}
  securityContext:
    {{- include "vllm.containerSecurityContext" . | nindent 4 }}
  terminationMessagePolicy: FallbackToLogsOnError
  volumeMounts:
    {{- include "vllm.volumeMounts" . | nindent 4 }}
{{- end }}

{{- define "vllm.probe" -}}
httpGet:
  path: /health
  port: http
periodSeconds: {{ .period }}
timeoutSeconds: {{ .timeout }}
failureThreshold: {{ .failures }}
{{- end }}
