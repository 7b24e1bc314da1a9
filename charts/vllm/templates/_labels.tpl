{{- /* Never changes after the first install: a Deployment's selector can't. */}}
{{- define "vllm.selectorLabels" -}}
app.kubernetes.io/name: {{ include "vllm.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- /* The download Job's pods must not be selected by the server's Service. */}}
{{- define "vllm.downloadSelectorLabels" -}}
app.kubernetes.io/name: {{ printf "%s-download" (include "vllm.name" .) | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- /* Labels beside the selector's. Takes root, component and, for some kinds, more labels. */}}
{{- define "vllm.moreLabels" -}}
{{- $labels := dict "app.kubernetes.io/component" .component }}
{{- with .root.Values.partOf }}
{{- $_ := set $labels "app.kubernetes.io/part-of" . }}
{{- end }}
{{- include "vllm.strings" (merge $labels (.more | default dict) .root.Values.commonLabels) }}
{{- end }}

{{- define "vllm.labels" -}}
{{ include "vllm.selectorLabels" .root }}
{{ include "vllm.moreLabels" . }}
{{- end }}

{{- /* A map of strings, one a line, keys and values quoted. */}}
{{- define "vllm.strings" -}}
{{- $lines := list }}
{{- range $key, $value := . }}
{{- $lines = append $lines (printf "%s: %s" (quote $key) (quote $value)) }}
{{- end }}
{{- join "\n" $lines }}
{{- end }}
