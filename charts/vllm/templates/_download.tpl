{{- /* Whatever the Job's suffix is; the name is a label, too: 63 characters at most. */}}
{{- define "vllm.downloadPrefix" -}}
{{- include "vllm.fullname" . | trunc 45 | trimSuffix "-" }}-download-
{{- end }}

{{- /* A Job's template can't be changed. Helm makes another Job; Flux and Argo CD can make the same one anew. */}}
{{- define "vllm.downloadName" -}}
{{- $hash := ternary (include "vllm.downloadHash" .) (include "vllm.downloadTemplate" . | sha256sum) .Values.download.first }}
{{- printf "%s%s" (include "vllm.downloadPrefix" .) (trunc 8 $hash) }}
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
