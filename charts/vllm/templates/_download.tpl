{{- /* The name is a label, too: 63 characters at most. A Job's template can't be changed: Helm makes another Job; Flux and
       Argo CD can make the same one anew. */}}
{{- define "vllm.downloadName" -}}
{{- $of := "" }}
{{- if .Values.download.first }}
{{- $of = include "vllm.downloadHash" . }}
{{- else }}
{{- $of = include "vllm.downloadTemplate" . | sha256sum }}
{{- end }}
{{- printf "%s-download-%s" (include "vllm.fullname" . | trunc 45 | trimSuffix "-") (trunc 8 $of) }}
{{- end }}

{{- /* What is copied: Hugging Face id and revision of each, the weights first. */}}
{{- define "vllm.downloadList" -}}
{{- $list := list (list .Values.model.id .Values.model.revision) }}
{{- range .Values.download.adapters }}
{{- $list = append $list (list .id .revision) }}
{{- end }}
{{- toRawJson $list }}
{{- end }}

{{- define "vllm.downloadHash" -}}
{{- $ignore := .Values.download.ignore | default list | toRawJson }}
{{- printf "%s %s %s" (include "vllm.downloadList" .) .Values.download.format $ignore | sha256sum | trunc 16 }}
{{- end }}

{{- /* Written by the Job when everything is there. */}}
{{- define "vllm.downloadMarker" -}}
/cache/ready/{{ include "vllm.downloadHash" . }}
{{- end }}

{{- /* An account of its own, so that the Job needs nothing of the server's. */}}
{{- define "vllm.downloadServiceAccountName" -}}
{{- ternary (printf "%s-download" (include "vllm.fullname" .)) (.Values.serviceAccount.name | default "default") .Values.serviceAccount.create }}
{{- end }}

{{- define "vllm.downloadEnvironment" -}}
- {name: HOME, value: /home/vllm}
- {name: HF_HOME, value: /cache/hf}
- {name: HF_HUB_DISABLE_TELEMETRY, value: "1"}
{{- if .Values.model.token.secret }}
- {name: HF_TOKEN_PATH, value: /etc/hf/token}
{{- end }}
{{- include "vllm.trustEnvironment" . }}
{{- end }}

{{- /* The Job's pod: on any node, with nothing of the server's. */}}
{{- define "vllm.downloadTemplate" -}}
metadata:
  labels:
    {{- include "vllm.labels" (dict "root" . "component" "download") | nindent 4 }}
spec:
  restartPolicy: OnFailure
  serviceAccountName: {{ include "vllm.downloadServiceAccountName" . | quote }}
  {{- include "vllm.podSpec" . | nindent 2 }}
  {{- range $key, $value := pick .Values.download "nodeSelector" "tolerations" "affinity" }}
  {{- with $value }}
  {{ $key }}: {{ toRawJson . }}
  {{- end }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with include "vllm.trustContainer" . | trim }}
  initContainers:
    {{- . | nindent 4 }}
  {{- end }}
  containers:
    - name: download
      {{- include "vllm.script" (dict "root" . "file" "download" "resources" .Values.download.resources) | nindent 6 }}
      args:
        - {{ include "vllm.downloadList" . | quote }}
        - {{ .Values.download.format | quote }}
        - {{ .Values.download.ignore | default list | toRawJson | quote }}
        - {{ include "vllm.downloadMarker" . | quote }}
        - {{ .Values.download.timeoutSeconds | int64 | quote }}
      env:
        {{- include "vllm.env" (dict "root" . "own" (include "vllm.downloadEnvironment" .)) | trim | nindent 8 }}
      {{- with .Values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - {name: cache, mountPath: /cache}
        - {name: tmp, mountPath: /tmp}
        - {name: home, mountPath: /home/vllm}
        {{- include "vllm.scriptsMount" . | indent 8 }}
        {{- include "vllm.trustMount" . | indent 8 }}
        {{- if .Values.model.token.secret }}
        - {name: hf-token, mountPath: /etc/hf, readOnly: true}
        {{- end }}
  volumes:
    - {name: cache, persistentVolumeClaim: {claimName: {{ include "vllm.cacheClaim" . | quote }}}}
    - {name: tmp, emptyDir: {sizeLimit: {{ .Values.scratch.size | quote }}}}
    - {name: home, emptyDir: {sizeLimit: {{ .Values.scratch.size | quote }}}}
    {{- include "vllm.scriptsVolume" . | indent 4 }}
    {{- include "vllm.trustVolumes" . | indent 4 }}
    {{- if .Values.model.token.secret }}
    {{- include "vllm.secretVolume" (dict "name" "hf-token" "from" .Values.model.token "file" "token") | nindent 4 }}
    {{- end }}
{{- end }}
