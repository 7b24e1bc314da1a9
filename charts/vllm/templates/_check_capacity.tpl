{{- define "vllm.mebibytes" -}}
{{- mul (regexFind "^[0-9]+" .) (get (dict "Mi" 1 "Gi" 1024 "Ti" 1048576) (regexFind "..$" .)) }}
{{- end }}

{{- define "vllm.millicores" -}}
{{- if hasSuffix "m" . }}{{ trimSuffix "m" . }}{{ else }}{{ mul . 1000 }}{{ end }}
{{- end }}

{{- define "vllm.checkSizes" }}
{{- range $path, $resources := dict "resources" .Values.resources "init.resources" .Values.init.resources "download.resources" .Values.download.resources }}
{{- if gt (include "vllm.millicores" $resources.requests.cpu | int64) (include "vllm.millicores" $resources.limits.cpu | int64) }}
{{ $path }}.requests.cpu: more than the limit
{{- end }}
{{- range list "memory" "ephemeral-storage" }}
{{- if gt (include "vllm.mebibytes" (index $resources.requests .) | int64) (include "vllm.mebibytes" (index $resources.limits .) | int64) }}
{{ $path }}.requests.{{ . }}: more than the limit
{{- end }}
{{- end }}
{{- end }}
{{- if ge (include "vllm.mebibytes" .Values.sharedMemory.size | int64) (include "vllm.mebibytes" .Values.resources.limits.memory | int64) }}
sharedMemory.size: counts against resources.limits.memory and must be less
{{- end }}
{{- $disk := include "vllm.mebibytes" .Values.scratch.size | mul 2 }}
{{- if eq .Values.cache.kind "emptyDir" }}
{{- $disk = include "vllm.mebibytes" .Values.cache.size | add $disk }}
{{- end }}
{{- if gt $disk (include "vllm.mebibytes" (index .Values.resources.limits "ephemeral-storage") | int64) }}
resources.limits.ephemeral-storage: scratch.size twice{{ if eq .Values.cache.kind "emptyDir" }} and cache.size{{ end }} are {{ $disk }}Mi of the node's disk; the limit must be as much
{{- end }}
{{- end }}
