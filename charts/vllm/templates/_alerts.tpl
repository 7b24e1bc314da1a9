{{- /* Takes root, name, severity, for, expr, summary and description. */}}
{{- define "vllm.alert" -}}
- alert: {{ .name }}
  expr: {{ .expr | quote }}
  for: {{ .for }}
  labels:
    {{- $labels := dict "severity" .severity "namespace" .root.Release.Namespace "model" (include "vllm.servedName" .root) }}
    {{- include "vllm.strings" (merge $labels .root.Values.prometheusRule.alertLabels) | nindent 4 }}
  annotations:
    summary: {{ .summary | quote }}
    description: {{ .description | quote }}
    {{- with .root.Values.prometheusRule.runbookUrl }}
    runbook_url: {{ printf "%s/%s" (trimSuffix "/" .) $.name | quote }}
    {{- end }}
{{- end }}

{{- define "vllm.servingAlerts" -}}
{{- $rule := .Values.prometheusRule }}
{{- $series := include "vllm.series" . }}
{{- $p95 := printf "histogram_quantile(0.95, sum by (le) (rate(vllm:request_queue_time_seconds_bucket{%s}[5m])))" $series }}
{{ include "vllm.alert" (dict "root" . "name" "VllmQueueTimeHigh" "severity" "warning" "for" "10m"
  "expr" (printf "%s > %s" $p95 (toJson $rule.queueSeconds))
  "summary" "Requests wait too long before vLLM starts them."
  "description" "95 % of the requests start within {{ $value | humanizeDuration }}. Raise scaling.max, or lower the concurrency target.") }}
{{ include "vllm.alert" (dict "root" . "name" "VllmPreemptions" "severity" "warning" "for" "15m"
  "expr" (printf "sum(increase(vllm:num_preemptions_total{%s}[10m])) / sum(increase(vllm:request_success_total{%s}[10m])) > 0.01" $series $series)
  "summary" "vLLM stops running requests and computes them again, because the KV cache is full."
  "description" "{{ $value | humanizePercentage }} as many preemptions as finished requests. Lower max-num-seqs or the concurrency target.") }}
{{ include "vllm.alert" (dict "root" . "name" "VllmKvCacheFull" "severity" "warning" "for" "10m"
  "expr" (printf "max(vllm:kv_cache_usage_perc{%s}) > %s" $series (toJson $rule.kvUsage))
  "summary" "The KV cache is nearly full."
  "description" "A server uses {{ $value | humanizePercentage }} of its KV cache; requests will be preempted.") }}
{{ include "vllm.alert" (dict "root" . "name" "VllmRejectsRequests" "severity" "warning" "for" "5m"
  "expr" (printf "sum(rate(vllm:admission_rejections_total{%s}[5m])) > 0" $series)
  "summary" "vLLM answers 503, because its queue is full."
  "description" "{{ $value | humanize }} requests a second are turned away.") }}
{{ include "vllm.burnAlert" (dict "root" . "name" "VllmTtftBudgetBurnsFast" "severity" "critical" "long" "1h" "short" "5m" "factor" 14.4) }}
{{ include "vllm.burnAlert" (dict "root" . "name" "VllmTtftBudgetBurnsSlowly" "severity" "warning" "long" "6h" "short" "30m" "factor" 6) }}
{{- end }}
