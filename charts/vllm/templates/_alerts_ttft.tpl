{{- /* Share of slow requests over a long and a short window: https://sre.google/workbook/alerting-on-slos/
       A few requests say nothing: the first one after a start would wake somebody. */}}
{{- define "vllm.burnAlert" -}}
{{- $rule := .root.Values.prometheusRule }}
{{- $limit := divf (mulf .factor (subf 100 $rule.ttftObjective)) 100 | printf "%.5g" }}
{{- $long := include "vllm.slowShare" (dict "root" .root "window" .long) }}
{{- $short := include "vllm.slowShare" (dict "root" .root "window" .short) }}
{{- $enough := printf "sum(increase(vllm:time_to_first_token_seconds_count{%s}[%s])) > 20" (include "vllm.series" .root) .long }}
{{- include "vllm.alert" (dict "root" .root "name" .name "severity" .severity "for" "2m"
  "expr" (printf "%s > %s and %s > %s and %s" $long $limit $short $limit $enough)
  "summary" (printf "Too many first tokens take longer than %s s." (include "vllm.ttftBound" .root))
  "description" (printf "{{ $value | humanizePercentage }} of the last %s; the objective allows %s %%." .long (subf 100 $rule.ttftObjective | printf "%.3g"))) }}
{{- end }}

{{- define "vllm.slowShare" -}}
{{- $series := include "vllm.series" .root }}
{{- $bound := include "vllm.ttftBound" .root }}
{{- $within := printf "sum(rate(vllm:time_to_first_token_seconds_bucket{%s,le=%q}[%s]))" $series $bound .window }}
{{- printf "(1 - %s / sum(rate(vllm:time_to_first_token_seconds_count{%s}[%s])))" $within $series .window }}
{{- end }}

{{- /* The next bound of vLLM's histogram, written as vLLM writes it: with a decimal point. */}}
{{- define "vllm.ttftBound" -}}
{{- $wanted := .Values.prometheusRule.ttftSeconds }}
{{- $bounds := list 0.001 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.25 0.5 0.75 1.0 2.5 5.0 7.5 10.0 20.0 40.0 80.0 160.0 640.0 2560.0 }}
{{- $fitting := list }}
{{- range $bounds }}
{{- if ge (float64 .) (float64 $wanted) }}
{{- $fitting = append $fitting . }}
{{- end }}
{{- end }}
{{- $bound := first $fitting | toJson }}
{{- $bound }}{{ if not (contains "." $bound) }}.0{{ end }}
{{- end }}
