{{- /* Fallback is the condition of a ScaledObject with a fallback, a lost Ready that of one without. kube-state-metrics
       shows them where it is told to; elsewhere KEDA's counters must do. In fallback KEDA hides the error: of its errors
       only the first few are counted, but every empty answer and every failed request, twice. NaN is seen only without
       a fallback, and failed requests only without a certificate of one's own. Half of the polls are enough.
       Servers that aren't ready yet have no metrics, and that is no failure. */}}
{{- define "vllm.blindExpression" -}}
{{- $name := include "vllm.fullname" . }}
{{- $conditions := printf "kube_customresource_scaledobject_status_condition{namespace=%q,scaledobject=%q,condition=" .Release.Namespace $name }}
{{- $blind := printf "max(%s\"Fallback\"}) == 1 or min(%s\"Ready\"}) == 0" $conditions $conditions }}
{{- $counters := list }}
{{- /* A scrape of KEDA without honorLabels renames its namespace label. */}}
{{- range $label := list "namespace" "exported_namespace" }}
{{- $ours := printf "%s=%q" $label $.Release.Namespace }}
{{- $counters = append $counters (printf "increase(keda_scaler_empty_upstream_responses_total{%s,scaledResource=%q}[5m])" $ours $name) }}
{{- $counters = append $counters (printf "increase(keda_scaler_http_requests_total{%s,scaled_resource=%q,status_code!~\"2..\"}[5m])" $ours $name) }}
{{- $counters = append $counters (printf "increase(keda_scaled_object_errors_total{%s,scaledObject=%q}[5m])" $ours $name) }}
{{- end }}
{{- $half := divf 150 .Values.scaling.pollingSeconds | printf "%.3g" }}
{{- $counted := printf "sum(%s) > %s unless max(%s\"Fallback\"})" (join " or " $counters) $half $conditions }}
{{- $available := printf "kube_deployment_status_replicas_available{namespace=%q,deployment=%q}" .Release.Namespace $name }}
{{- $gate := ternary "" (printf " unless max(%s) == 0" $available) (eq .Values.scaling.signal "upstream") }}
{{- printf "(%s or %s)%s" $blind $counted $gate }}
{{- end }}

{{- define "vllm.scalingAlerts" -}}
{{- $name := include "vllm.fullname" . }}
{{- $hpa := printf "namespace=%q,horizontalpodautoscaler=\"keda-hpa-%s\"" .Release.Namespace $name }}
{{- $wanted := printf "kube_deployment_spec_replicas{namespace=%q,deployment=%q} > 0" .Release.Namespace $name }}
{{ include "vllm.alert" (dict "root" . "name" "VllmScalerInFallback" "severity" "warning" "for" "10m"
  "expr" (include "vllm.blindExpression" .)
  "summary" "KEDA can't read the scaling signal; the number of servers stands still."
  "description" "Look at the ScaledObject's conditions, at its query and at Prometheus.") }}
{{ include "vllm.alert" (dict "root" . "name" "VllmScalingInactive" "severity" "warning" "for" "10m"
  "expr" (printf "kube_horizontalpodautoscaler_status_condition{%s,condition=\"ScalingActive\",status=\"false\"} == 1 and on () %s" $hpa $wanted)
  "summary" "The autoscaler doesn't scale."
  "description" "Its condition ScalingActive is false: look at the HorizontalPodAutoscaler.") }}
{{- if gt (int64 .Values.scaling.max) (max 1 .Values.scaling.min) }}
{{ include "vllm.alert" (dict "root" . "name" "VllmAtMaxReplicas" "severity" "warning" "for" "30m"
  "expr" (printf "kube_horizontalpodautoscaler_status_desired_replicas{%s} >= kube_horizontalpodautoscaler_spec_max_replicas{%s}" $hpa $hpa)
  "summary" "All servers that scaling.max allows are running."
  "description" "{{ $value }} servers for 30 minutes; more load will wait.") }}
{{- end }}
{{- end }}
