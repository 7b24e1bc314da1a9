{{- /* Modes are decimal: 288 is 0440, readable by the pod's group. */}}
{{- define "vllm.volumes" -}}
{{- include "vllm.workVolumes" . }}
- name: shm
  emptyDir:
    medium: Memory
    sizeLimit: {{ .Values.sharedMemory.size | quote }}
- name: {{ ternary "base-config" "config" (ne .Values.apiKey.secret "") }}
  configMap:
    name: {{ include "vllm.fullname" . | quote }}
    defaultMode: 288
{{- if .Values.apiKey.secret }}
- name: config
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
{{ include "vllm.secretVolume" (dict "name" "api-key" "from" .Values.apiKey "file" "api-key") }}
{{- end }}
{{- if and .Values.model.token.secret (not (include "vllm.offline" .)) }}
{{ include "vllm.secretVolume" (dict "name" "hf-token" "from" .Values.model.token "file" "token") }}
{{- end }}
{{- if eq .Values.model.source "bucket" }}
{{ include "vllm.secretVolume" (dict "name" "bucket" "from" .Values.model.bucket.credentials "file" "credentials") }}
{{- else if eq .Values.model.source "volume" }}
- name: weights
  persistentVolumeClaim:
    claimName: {{ .Values.model.volume.claim | quote }}
    readOnly: true
{{- end }}
{{- end }}

{{- /* What the server and the download Job both write to. */}}
{{- define "vllm.workVolumes" -}}
- name: cache
  {{- include "vllm.cacheSource" . | nindent 2 }}
{{- range list "tmp" "home" }}
- name: {{ . }}
  emptyDir:
    sizeLimit: {{ $.Values.scratch.size | quote }}
{{- end }}
{{- end }}

{{- define "vllm.secretVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .from.secret | quote }}
    defaultMode: 288
    items:
      - key: {{ .from.key | quote }}
        path: {{ .file }}
{{- end }}
