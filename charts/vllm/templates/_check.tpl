{{- /* What the schema can't say: rules that join two values. Every problem is reported at once. */}}
{{- define "vllm.check" -}}
{{- $problems := list }}
{{- range list "Names" "Args" "Unsafe" "Lists" "Model" "Sizes" "Cache" "Rollout" "Scaling" "Expose" }}
{{- with include (printf "vllm.check%s" .) $ | trim }}
{{- $problems = append $problems . }}
{{- end }}
{{- end }}
{{- if $problems }}
{{- fail (printf "\n%s" (join "\n" $problems)) }}
{{- end }}
{{- end }}

{{- define "vllm.checkNames" }}
{{- $name := include "vllm.fullname" . }}
{{- if hasPrefix "vllm" $name }}
fullnameOverride: the objects would be called {{ $name }}; a Service whose name begins with vllm fills vLLM's own VLLM_… variables, so choose another name
{{- else if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) }}
fullnameOverride: {{ $name }} can't be the name of a Service; use lower-case letters, digits and dashes, beginning with a letter
{{- end }}
{{- if not (regexMatch "^[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$" (include "vllm.name" .)) }}
nameOverride: {{ include "vllm.name" . }} can't be a label
{{- end }}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" .Release.Namespace) }}
the namespace {{ .Release.Namespace | quote }} isn't a valid name
{{- end }}
{{- end }}

{{- /* vLLM takes the beginning of a flag for the flag. */}}
{{- define "vllm.checkArgs" }}
{{- $owned := list "model" "served-model-name" "revision" "port" "shutdown-timeout" "api-key" "hf-token" "config" "host" "uds" }}
{{- range $flag, $_ := .Values.args }}
{{- range $owned }}
{{- if hasPrefix $flag . }}
args.{{ $flag }}: the beginning of {{ . }}, which the chart sets itself
{{- end }}
{{- end }}
{{- end }}
{{- $gpus := 1 }}
{{- $sizes := pick .Values.args "tensor-parallel-size" "pipeline-parallel-size" "data-parallel-size" }}
{{- range $sizes }}
{{- $gpus = mul $gpus . }}
{{- end }}
{{- if and $sizes (ne $gpus (int64 .Values.gpu.count)) }}
gpu.count: tensor × pipeline × data parallelism needs {{ $gpus }} GPUs, the pod has {{ .Values.gpu.count }}
{{- end }}
{{- end }}
