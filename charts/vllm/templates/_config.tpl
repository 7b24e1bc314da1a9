{{- /* What vLLM loads: a Hugging Face id, a folder or a bucket. */}}
{{- define "vllm.model" -}}
{{- if eq .Values.model.source "volume" -}}
{{ printf "/models/%s" .Values.model.volume.path | trimSuffix "/" }}
{{- else if eq .Values.model.source "bucket" -}}
{{ .Values.model.bucket.uri }}
{{- else -}}
{{ .Values.model.id }}
{{- end }}
{{- end }}

{{- /* vLLM's config.yaml: one flag a line, values as JSON, so that no text can become another type or key.
       U+0085 ends a line for YAML, but not for JSON; Helm 3.16 doesn't see it when it checks the schema. */}}
{{- define "vllm.config" -}}
{{- $args := deepCopy .Values.args }}
{{- $parallel := pick $args "tensor-parallel-size" "pipeline-parallel-size" "data-parallel-size" }}
{{- if not $parallel }}
{{- $_ := set $args "tensor-parallel-size" (int64 .Values.gpu.count) }}
{{- end }}
{{- if and (eq .Values.model.source "bucket") (not (hasKey $args "load-format")) }}
{{- $_ := set $args "load-format" "runai_streamer" }}
{{- end }}
{{- if and (eq .Values.model.source "hf") .Values.model.revision }}
{{- $_ := set $args "revision" .Values.model.revision }}
{{- end }}
{{- $_ := set $args "model" (include "vllm.model" .) }}
{{- $_ := set $args "served-model-name" (include "vllm.servedName" .) }}
{{- $_ := set $args "port" 8000 }}
{{- $_ := set $args "shutdown-timeout" (int64 .Values.drain.shutdownSeconds) }}
{{- include "vllm.configLines" $args }}
{{- end }}

{{- /* Takes flags. vLLM passes over `flag: false` in silence: it hears `no-flag: true`, or that a switch isn't there. */}}
{{- define "vllm.configLines" -}}
{{- $forms := include "vllm.listForms" . | fromJson }}
{{- $switches := include "vllm.switches" . | fromJsonArray }}
{{- $lines := list }}
{{- range $flag, $value := . }}
{{- if and (kindIs "bool" $value) (not $value) (not (has $flag $switches)) }}
{{- $flag = ternary (trimPrefix "no-" $flag) (printf "no-%s" $flag) (hasPrefix "no-" $flag) }}
{{- $value = true }}
{{- else if and (kindIs "slice" $value) (eq (get $forms $flag) "json") }}
{{- $value = toRawJson $value }}
{{- end }}
{{- $lines = append $lines (printf "%s: %s" $flag (toRawJson $value | replace "\u0085" "\\u0085")) }}
{{- end }}
{{- join "\n" $lines }}
{{- end }}

{{- /* Weights come from the cache or a volume, never from Hugging Face. */}}
{{- define "vllm.offline" -}}
{{- if or .Values.download.enabled (ne .Values.model.source "hf") }}true{{ end }}
{{- end }}

{{- /* The server needs the public internet: true or empty. */}}
{{- define "vllm.internet" -}}
{{- $needs := or (eq .Values.model.source "bucket") (not (include "vllm.offline" .)) }}
{{- if or (eq .Values.networkPolicy.internet "always") (and $needs (eq .Values.networkPolicy.internet "auto")) }}true{{ end }}
{{- end }}
