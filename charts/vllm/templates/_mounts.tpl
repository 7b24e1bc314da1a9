{{- define "vllm.volumeMounts" -}}
{{- include "vllm.workMounts" . }}
- name: shm
  mountPath: /dev/shm
- name: config
  mountPath: /etc/vllm
  readOnly: true
{{- if and .Values.model.token.secret (not (include "vllm.offline" .)) }}
{{ include "vllm.tokenMount" . }}
{{- end }}
{{- if eq .Values.model.source "bucket" }}
- name: bucket
  mountPath: /etc/bucket
  readOnly: true
{{- else if eq .Values.model.source "volume" }}
- name: weights
  mountPath: /models
  readOnly: true
{{- end }}
{{- end }}

{{- define "vllm.workMounts" -}}
- name: cache
  mountPath: /cache
- name: tmp
  mountPath: /tmp
- name: home
  mountPath: /home/vllm
{{- end }}

{{- define "vllm.tokenMount" -}}
- name: hf-token
  mountPath: /etc/hf
  readOnly: true
{{- end }}
