{{- /* A Job can't be changed: its name carries the hash of its pod. */}}
{{- define "vllm.downloadName" -}}
{{- $name := include "vllm.fullname" . | trunc 45 | trimSuffix "-" }}
{{- printf "%s-download-%s" $name (include "vllm.downloadPod" . | sha256sum | trunc 8) }}
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
      - {{ .Values.model.id | quote }}
      - {{ .Values.model.revision | quote }}
      - {{ .Values.download.ignore | toRawJson | quote }}
      - {{ include "vllm.downloadMarker" . | quote }}
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
