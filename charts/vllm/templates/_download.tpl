{{- define "vllm.downloadTemplate" -}}
metadata:
  labels:
    {{- include "vllm.downloadSelectorLabels" . | nindent 4 }}
    {{- include "vllm.moreLabels" (dict "root" . "component" "download") | nindent 4 }}
spec:
  restartPolicy: OnFailure
  serviceAccountName: {{ include "vllm.serviceAccountName" . | quote }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with pick .Values.download "nodeSelector" "tolerations" "affinity" }}
  {{- range $key, $value := . }}
  {{- with $value }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- end }}
  containers:
    - name: download
      image: {{ include "vllm.image" . | quote }}
      imagePullPolicy: {{ include "vllm.pullPolicy" . }}
      command:
        - python3
        - -I
        - -c
        - |
          {{- include "vllm.downloadScript" . | nindent 10 }}
      args:
        - {{ include "vllm.downloadList" . | quote }}
        - {{ .Values.download.ignore | toRawJson | quote }}
        - {{ include "vllm.downloadMarker" . | quote }}
        - {{ .Values.download.timeoutSeconds | int64 | quote }}
      env:
        {{- include "vllm.env" (dict "root" . "own" (include "vllm.downloadEnvironment" .)) | nindent 8 }}
      {{- with .Values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      resources:
        {{- toYaml .Values.download.resources | nindent 8 }}
      securityContext:
        {{- include "vllm.readOnlyContext" . | nindent 8 }}
      terminationMessagePolicy: FallbackToLogsOnError
      volumeMounts:
        - name: cache
          mountPath: /cache
        - name: tmp
          mountPath: /tmp
        - name: home
          mountPath: /home/vllm
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
    {{- if .Values.model.token.secret }}
    {{- include "vllm.secretVolume" (dict "name" "hf-token" "from" .Values.model.token "file" "token") | nindent 4 }}
    {{- end }}
{{- end }}
