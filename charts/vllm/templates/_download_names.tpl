{{- /* A Job's template can't be changed: the name carries its hash. It is a label, too: 63 characters at most. */}}
{{- define "vllm.downloadPrefix" -}}
{{- include "vllm.fullname" . | trunc 45 | trimSuffix "-" }}-download-
{{- end }}

{{- define "vllm.downloadName" -}}
{{- printf "%s%s" (include "vllm.downloadPrefix" .) (include "vllm.downloadTemplate" . | sha256sum | trunc 8) }}
{{- end }}

{{- /* What is copied: Hugging Face id and revision of each, the weights first. */}}
{{- define "vllm.downloadList" -}}
{{- $list := list (list .Values.model.id .Values.model.revision) }}
{{- range .Values.download.adapters }}
{{- $list = append $list (list .id .revision) }}
{{- end }}
{{- toRawJson $list }}
{{- end }}

{{- /* Written by the download Job when everything is there. */}}
{{- define "vllm.downloadMarker" -}}
{{- $what := printf "%s %s" (include "vllm.downloadList" .) (toRawJson .Values.download.ignore) }}
{{- printf "/cache/ready/%s" ($what | sha256sum | trunc 16) }}
{{- end }}
