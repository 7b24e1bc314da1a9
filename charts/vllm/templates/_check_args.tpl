{{- /* How a list is given: vLLM reads some as one JSON text, and others entry by entry. */}}
{{- define "vllm.checkLists" }}
{{- range $flag, $form := include "vllm.listForms" . | fromJson }}
{{- $value := get $.Values.args $flag }}
{{- if and (eq $form "json") (hasKey $.Values.args $flag) (not (kindIs "slice" $value)) }}
args.{{ $flag }}: needs a list
{{- else if and (eq $form "repeat") (kindIs "slice" $value) }}
{{- if gt (len $value) 1 }}
args.{{ $flag }}: may have one entry; vLLM takes more only by repeating the flag, which its configuration file can't
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* What breaks or opens the pod needs an entry in unsafe; one that allows nothing is a mistake. */}}
{{- define "vllm.checkUnsafe" }}
{{- $refused := include "vllm.refusedFlags" . | fromJson }}
{{- range $flag, $value := .Values.args }}
{{- $off := and (kindIs "bool" $value) (not $value) }}
{{- if and (hasKey $refused $flag) (not $off) (not (has $flag $.Values.unsafe)) }}
args.{{ $flag }}: {{ get $refused $flag }}; if that is wanted, add {{ $flag }} to unsafe
{{- end }}
{{- end }}
{{- $rules := include "vllm.refusedVariables" . | fromJson }}
{{- range $name, $_ := .Values.env }}
{{- range $rule, $reason := $rules }}
{{- $same := or (eq $rule $name) (and (hasSuffix "*" $rule) (hasPrefix (trimSuffix "*" $rule) $name)) }}
{{- if and $same (not (has $name $.Values.unsafe)) }}
env.{{ $name }}: {{ $reason }}; if that is wanted, add {{ $name }} to unsafe
{{- end }}
{{- end }}
{{- end }}
{{- range .Values.unsafe }}
{{- if not (or (hasKey $.Values.args .) (hasKey $.Values.args (printf "no-%s" .)) (hasKey $.Values.env .)) }}
unsafe: {{ . }} is neither in args nor in env
{{- end }}
{{- end }}
{{- end }}
