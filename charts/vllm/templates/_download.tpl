{{- define "vllm.downloadTemplate" -}}
metadata:
  labels:
    {{- include "vllm.downloadSelectorLabels" . | nindent 4 }}
    {{- include "vllm.moreLabels" (dict "root" . "component" "download") | nindent 4 }}
spec:
  {{- include "vllm.downloadPod" . | nindent 2 }}
{{- end }}

{{- define "vllm.downloadPod" -}}
restartPolicy: OnFailure
serviceAccountName: {{ include "vllm.serviceAccountName" . | quote }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- include "vllm.podSecurityContext" . | nindent 2 }}
{{- with include "vllm.pullSecrets" . }}
{{ . }}
{{- end }}
{{ include "vllm.placement" . }}
containers:
  - name: download
    image: {{ include "vllm.image" . | quote }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    command:
      - python3
      - -I
      - -c
      - |
        {{- include "vllm.downloadScript" . | nindent 8 }}
    args:
      - {{ include "vllm.downloadList" . | quote }}
      - {{ .Values.download.ignore | toRawJson | quote }}
      - {{ include "vllm.downloadMarker" . | quote }}
      - {{ .Values.download.timeoutSeconds | int64 | quote }}
    env:
      {{- include "vllm.downloadEnvironment" . | nindent 6 }}
    resources:
      {{- include "vllm.resources" .Values.download.resources | nindent 6 }}
    securityContext:
      {{- include "vllm.containerSecurityContext" . | nindent 6 }}
    terminationMessagePolicy: FallbackToLogsOnError
    volumeMounts:
      {{- include "vllm.workMounts" . | nindent 6 }}
      {{- if .Values.model.token.secret }}
      {{- include "vllm.tokenMount" . | nindent 6 }}
      {{- end }}
volumes:
  {{- include "vllm.workVolumes" . | nindent 2 }}
  {{- if .Values.model.token.secret }}
  {{- include "vllm.secretVolume" (dict "name" "hf-token" "from" .Values.model.token "file" "token") | nindent 2 }}
  {{- end }}
{{- end }}
