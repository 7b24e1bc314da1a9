{{- /* preStop, then vLLM's own shutdown-timeout, then time to exit. */}}
{{- define "vllm.graceSeconds" -}}
{{- with .Values.drain }}
{{- add .preStopSeconds .shutdownSeconds .marginSeconds }}
{{- end }}
{{- end }}

{{- /* From a pod's creation to its readiness, when the weights are there. */}}
{{- define "vllm.arrivalSeconds" -}}
{{- add .Values.budget.scheduleSeconds .Values.budget.startSeconds }}
{{- end }}

{{- /* The old pod's end, a node, the image, the weights where they may come later, the start. */}}
{{- define "vllm.progressSeconds" -}}
{{- $download := ternary .Values.download.timeoutSeconds 0 (and .Values.download.enabled (not .Values.download.first)) }}
{{- add (include "vllm.graceSeconds" .) (include "vllm.arrivalSeconds" .) $download }}
{{- end }}

{{- /* Probes that fit into the start budget. */}}
{{- define "vllm.startFailures" -}}
{{- $period := .Values.startupProbe.periodSeconds | default 10 | int64 }}
{{- div (add .Values.budget.startSeconds $period -1) $period }}
{{- end }}

{{- /* Requests wait while new pods load: in the time of a start the number of pods may double, or grow by two. Pods go when
       load stayed low for longer than a start takes; 300 s at least, for Prometheus remembers a removed scrape that long.
       The limits of 1800 and 3600 are the HPA's. */}}
{{- define "vllm.behavior" -}}
{{- $start := .Values.budget.startSeconds | int64 }}
{{- $up := min 1800 $start }}
{{- $own := dict
  "scaleUp" (dict "stabilizationWindowSeconds" 0 "selectPolicy" "Max" "policies" (list
    (dict "type" "Percent" "value" 100 "periodSeconds" $up)
    (dict "type" "Pods" "value" 2 "periodSeconds" $up)))
  "scaleDown" (dict "stabilizationWindowSeconds" (min 3600 (max 300 $start)) "selectPolicy" "Max" "policies" (list
    (dict "type" "Pods" "value" 1 "periodSeconds" 60))) }}
{{- toYaml (mergeOverwrite $own (deepCopy .Values.autoscaling.behavior)) }}
{{- end }}
