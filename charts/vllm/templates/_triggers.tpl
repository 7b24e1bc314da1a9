{{- /* Names of the triggers. Concurrency is always one of them: it neither depends on how many pods there are, nor
       vanishes when they are idle. At zero pods it has no value, so there the signal must come from upstream. */}}
{{- define "vllm.signals" -}}
{{- $more := dict "queue" (list "queue") "ttft" (list "ttft") "kv" (list "kv") "composite" (list "queue" "ttft" "kv") }}
{{- if eq .Values.scaling.signal "upstream" }}
{{- list "upstream" | toJson }}
{{- else }}
{{- concat (list "concurrency") (get $more .Values.scaling.signal | default list) | toJson }}
{{- end }}
{{- end }}

{{- define "vllm.triggers" -}}
{{- range include "vllm.signals" . | fromJsonArray }}
- type: prometheus
  name: {{ . }}
  metricType: {{ ternary "Value" "AverageValue" (eq . "ttft") }}
  metadata:
    {{- include "vllm.triggerMetadata" (dict "root" $ "signal" .) | nindent 4 }}
  {{- if ne $.Values.scaling.prometheus.auth.mode "none" }}
  authenticationRef:
    name: {{ include "vllm.fullname" $ | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* KEDA reads texts: numbers stand in quotes. */}}
{{- define "vllm.triggerMetadata" -}}
{{- $scaling := .root.Values.scaling -}}
serverAddress: {{ $scaling.prometheus.address | quote }}
{{- if eq .signal "upstream" }}
query: {{ $scaling.upstream.query | quote }}
threshold: {{ $scaling.upstream.target | toJson | quote }}
activationThreshold: {{ $scaling.upstream.activation | toJson | quote }}
{{- else }}
query: {{ include (printf "vllm.%sQuery" .signal) .root | quote }}
threshold: {{ get (get $scaling .signal) (ternary "seconds" "target" (eq .signal "ttft")) | toJson | quote }}
{{- end }}
ignoreNullValues: "false"
{{- with $scaling.prometheus.auth }}
{{- if ne .mode "none" }}
authModes: {{ .mode }}
{{- end }}
{{- end }}
{{- end }}
