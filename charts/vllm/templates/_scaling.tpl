{{- /* Requests wait while new pods load: in the time of a start the number of pods may double, or grow by two. Pods go when
       load stayed low for longer than a start takes; 300 s at least, for Prometheus remembers a removed scrape that long.
       The limits of 1800 and 3600 are the HPA's. */}}
{{- define "vllm.behavior" -}}
{{- $start := .Values.budget.startSeconds | int64 }}
{{- $up := min 1800 $start }}
{{- $own := dict
  "scaleUp" (dict "policies" (list
    (dict "type" "Percent" "value" 100 "periodSeconds" $up)
    (dict "type" "Pods" "value" 2 "periodSeconds" $up)))
  "scaleDown" (dict "stabilizationWindowSeconds" (min 3600 (max 300 $start)) "policies" (list
    (dict "type" "Pods" "value" 1 "periodSeconds" 60))) }}
{{- mergeOverwrite $own (.Values.autoscaling.behavior | default dict | deepCopy) | toRawJson }}
{{- end }}

{{- /* Concurrency is always one of the triggers: it neither depends on how many pods there are, nor vanishes when they are
       idle. At zero pods it has no value, so there the signal must come from upstream. Each query gives exactly one element,
       or none when nothing is scraped: KEDA takes more for an error, and must take none for one. That is why there is no
       "or vector(0)": it would turn blindness into idleness. KEDA reads texts: numbers are quoted. */}}
{{- define "vllm.triggers" -}}
{{- $scaling := .Values.autoscaling }}
{{- $series := printf "{namespace=%q,model_name=%q}" .Release.Namespace (include "vllm.servedName" .) }}
{{- $running := printf "sum(vllm:num_requests_running%s)" $series }}
{{- $waiting := printf "sum(vllm:num_requests_waiting%s)" $series }}
{{- $rate := printf "rate(vllm:time_to_first_token_seconds_bucket%s[%ds])" $series (int64 $scaling.ttft.windowSeconds) }}
{{- /* A pod with several engines (data parallelism) counts once for the cache. Without traffic the quantile is NaN: 0 then, but
       only while the servers are seen. */}}
{{- $queries := dict "concurrency" (printf "%s + %s" $running $waiting) "queue" $waiting "upstream" $scaling.upstream.query
  "kv" (printf "sum(avg by (pod) (vllm:kv_cache_usage_perc%s))" $series)
  "ttft" (printf "histogram_quantile(%v, sum by (le) (%s)) >= 0 or 0 * %s" (divf $scaling.ttft.percentile 100) $rate $running) }}
{{- $more := dict "queue" (list "queue") "ttft" (list "ttft") "kv" (list "kv") "composite" (list "queue" "ttft" "kv") }}
{{- $all := concat (list "concurrency") (get $more $scaling.signal | default list) }}
{{- range ternary (list "upstream") $all (eq $scaling.signal "upstream") }}
- type: prometheus
  name: {{ . }}
  metricType: {{ ternary "Value" "AverageValue" (eq . "ttft") }}
  metadata:
    serverAddress: {{ $scaling.prometheus.address | quote }}
    query: {{ get $queries . | quote }}
    threshold: {{ get (get $scaling .) (ternary "seconds" "target" (eq . "ttft")) | toJson | quote }}
    {{- if eq . "upstream" }}
    activationThreshold: {{ $scaling.upstream.activation | toJson | quote }}
    {{- end }}
    ignoreNullValues: "false"
    {{- if $scaling.prometheus.unsafeSsl }}
    unsafeSsl: "true"
    {{- end }}
    {{- if ne $scaling.prometheus.auth.mode "none" }}
    authModes: {{ $scaling.prometheus.auth.mode }}
  authenticationRef:
    name: {{ include "vllm.fullname" $ | quote }}
    {{- end }}
{{- end }}
{{- end }}
