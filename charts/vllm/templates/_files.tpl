{{- /* What a file is called in the volume that holds all of them: two paths may end alike. Takes a path. */}}
{{- define "vllm.fileKey" -}}
{{- printf "%s-%s" (sha256sum . | trunc 8) (base .) }}
{{- end }}

{{- /* The texts that the chart itself brings, by their keys, as JSON. */}}
{{- define "vllm.fileTexts" -}}
{{- $texts := dict }}
{{- range .Values.files }}
{{- if hasKey . "content" }}
{{- $_ := set $texts (include "vllm.fileKey" .path) .content }}
{{- end }}
{{- end }}
{{- toRawJson $texts }}
{{- end }}

{{- /* A mount of one file never sees a change, so the pods roll with it. */}}
{{- define "vllm.fileAnnotations" -}}
{{- $texts := include "vllm.fileTexts" . }}
{{- if ne $texts "{}" }}
checksum/files: {{ sha256sum $texts }}
{{- end }}
{{- end }}

{{- define "vllm.fileMounts" -}}
{{- range .Values.files }}
- {name: files, mountPath: {{ .path | quote }}, subPath: {{ include "vllm.fileKey" .path | quote }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "vllm.fileVolume" -}}
{{- if .Values.files }}
- name: files
  projected:
    defaultMode: 288
    sources:
      {{- if ne (include "vllm.fileTexts" .) "{}" }}
      - configMap: {name: {{ include "vllm.fullname" . }}-files}
      {{- end }}
      {{- range .Values.files }}
      {{- if not (hasKey . "content") }}
      {{- $items := list (dict "key" .key "path" (include "vllm.fileKey" .path)) }}
      {{- if .secret }}
      - {{ dict "secret" (dict "name" .secret "items" $items) | toRawJson }}
      {{- else }}
      - {{ dict "configMap" (dict "name" .configMap "items" $items) | toRawJson }}
      {{- end }}
      {{- end }}
      {{- end }}
{{- end }}
{{- end }}
