{{- /* Whatever the Job's suffix is; the name is a label, too: 63 characters at most. */}}
{{- define "vllm.downloadPrefix" -}}
{{- include "vllm.fullname" . | trunc 45 | trimSuffix "-" }}-download-
{{- end }}

{{- /* A Job's template can't be changed. Helm makes another Job; Flux and Argo CD can make the same one anew. */}}
{{- define "vllm.downloadName" -}}
{{- include "vllm.downloadPrefix" . }}
{{- if .Values.download.first }}
{{- include "vllm.downloadHash" . | trunc 8 }}
{{- else }}
{{- include "vllm.downloadTemplate" . | sha256sum | trunc 8 }}
{{- end }}
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
{{- $ignore := toRawJson .Values.download.ignore }}
{{- printf "%s %s %s" (include "vllm.downloadList" .) .Values.download.format $ignore | sha256sum | trunc 16 }}
{{- end }}

{{- /* Written by the Job when everything is there. */}}
{{- define "vllm.downloadMarker" -}}
/cache/ready/{{ include "vllm.downloadHash" . }}
{{- end }}

{{- define "vllm.downloadServiceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ include "vllm.fullname" . }}-download
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end }}
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
  {{- with .Values.download.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.download.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.download.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  containers:
    - name: download
      {{- include "vllm.script" (dict "root" . "file" "download" "resources" .Values.download.resources) | nindent 6 }}
      args:
        - {{ include "vllm.downloadList" . | quote }}
        - {{ .Values.download.format | quote }}
        - {{ .Values.download.ignore | toRawJson | quote }}
        - {{ include "vllm.downloadMarker" . | quote }}
        - {{ .Values.download.timeoutSeconds | int64 | quote }}
      env:
        {{- include "vllm.env" (dict "root" . "own" (include "vllm.downloadEnvironment" .)) | trim | nindent 8 }}
      {{- with .Values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: cache
          mountPath: /cache
        - name: tmp
          mountPath: /tmp
        - name: home
          mountPath: /home/vllm
        {{- include "vllm.scriptsMount" . | indent 8 }}
        {{- if .Values.model.token.secret }}
        - name: hf-token
          mountPath: /etc/hf
          readOnly: true
        {{- end }}
  volumes:
    - name: cache
      persistentVolumeClaim:
        claimName: {{ include "vllm.cacheClaim" . | quote }}
    {{- range list "tmp" "home" }}
    - name: {{ . }}
      emptyDir:
        sizeLimit: {{ $.Values.scratch.size | quote }}
    {{- end }}
    {{- include "vllm.scriptsVolume" . | indent 4 }}
    {{- if .Values.model.token.secret }}
    {{- include "vllm.secretVolume" (dict "name" "hf-token" "from" .Values.model.token "file" "token") | nindent 4 }}
    {{- end }}
{{- end }}
