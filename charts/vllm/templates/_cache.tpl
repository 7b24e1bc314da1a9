{{- define "vllm.cacheClaim" -}}
{{- if eq .Values.cache.kind "claim" }}
{{- .Values.cache.claim }}
{{- else }}
{{- printf "%s-cache" (include "vllm.fullname" .) }}
{{- end }}
{{- end }}

{{- define "vllm.claimSpec" -}}
accessModes: [{{ ternary "ReadWriteMany" "ReadWriteOnce" (eq .Values.cache.kind "fss") }}]
{{- with .Values.cache.storageClassName }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .Values.cache.size | quote }}
{{- end }}

{{- define "vllm.cacheSource" -}}
{{- if eq .Values.cache.kind "emptyDir" -}}
emptyDir:
  sizeLimit: {{ .Values.cache.size | quote }}
{{- else if eq .Values.cache.kind "nvme" -}}
ephemeral:
  volumeClaimTemplate:
    spec:
      {{- include "vllm.claimSpec" . | nindent 6 }}
{{- else -}}
persistentVolumeClaim:
  claimName: {{ include "vllm.cacheClaim" . | quote }}
{{- end }}
{{- end }}
