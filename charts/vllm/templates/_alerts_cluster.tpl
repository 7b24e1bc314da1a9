{{- /* From kube-state-metrics. A Deployment's pod is called NAME-hash-five letters. */}}
{{- define "vllm.clusterAlerts" -}}
{{- $name := include "vllm.fullname" . }}
{{- $deployment := printf "namespace=%q,deployment=%q" .Release.Namespace $name }}
{{- $pods := printf "namespace=%q,pod=~\"%s-[a-z0-9]+-[a-z0-9]{5}\"" .Release.Namespace $name }}
{{- $budget := sub (include "vllm.progressSeconds" .) (include "vllm.graceSeconds" .) }}
{{- $available := printf "kube_deployment_status_replicas_available{%s}" $deployment }}
{{- $wanted := printf "kube_deployment_spec_replicas{%s}" $deployment }}
{{- $starting := printf "time() - max(kube_pod_created{%s}) < %d" $pods $budget }}
{{- /* Pods that are evicted and made again are always young: then the time without any server counts. */}}
{{- $never := printf "max_over_time(%s[%ds]) == 0 and on () min_over_time(%s[%ds]) > 0" $available $budget $wanted $budget }}
{{- $old := printf "time() - kube_deployment_created{%s} > %d" $deployment $budget }}
{{ include "vllm.alert" (dict "root" . "name" "VllmDown" "severity" "critical" "for" "5m"
  "expr" (printf "%s == 0 and on () %s > 0 unless on () %s or on () (%s and on () %s)" $available $wanted $starting $never $old)
  "summary" "No server of the model is ready."
  "description" "None has been ready for 5 minutes, and the start budget is used up. Look at the pods' events and logs.") }}
{{- $late := printf "time() - kube_pod_created{%s} > %d" $pods $budget }}
{{- $unready := printf "max by (pod) (max_over_time(kube_pod_status_ready{%s,condition=\"true\"}[%ds])) == 0" $pods $budget }}
{{- $alive := printf "kube_pod_status_phase{%s,phase=~\"Pending|Running\"} == 1" $pods }}
{{ include "vllm.alert" (dict "root" . "name" "VllmStartsSlowly" "severity" "warning" "for" "1m"
  "expr" (printf "%s and on (pod) %s and on (pod) %s" $late $unready $alive)
  "summary" "A server isn't ready within its start budget."
  "description" (printf "{{ $labels.pod }} is {{ $value | humanizeDuration }} old and hasn't been ready for %d s, its budget." $budget)) }}
{{ include "vllm.alert" (dict "root" . "name" "VllmEngineDies" "severity" "warning" "for" "0m"
  "expr" (printf "increase(kube_pod_container_status_restarts_total{%s,container=\"vllm\"}[30m]) > 0" $pods)
  "summary" "A server was restarted: its engine died, or stopped to answer."
  "description" "{{ $labels.pod }} was restarted within the last 30 minutes.") }}
{{ include "vllm.alert" (dict "root" . "name" "VllmMetricsMissing" "severity" "warning" "for" "10m"
  "expr" (printf "max(%s) > (count(count by (pod) (vllm:num_requests_running{%s})) or vector(0))" $available (include "vllm.series" .))
  "summary" "Servers are ready, but the metrics of some or all aren't there."
  "description" "{{ $value }} are ready, fewer are scraped. Scaling and all other alerts are blind. Look at the PodMonitor, its labels and the NetworkPolicy.") }}
{{- end }}

{{- define "vllm.scalingAlerts" -}}
{{- $name := include "vllm.fullname" . }}
{{- $hpa := printf "namespace=%q,horizontalpodautoscaler=\"keda-hpa-%s\"" .Release.Namespace $name }}
{{- $wanted := printf "kube_deployment_spec_replicas{namespace=%q,deployment=%q} > 0" .Release.Namespace $name }}
{{- /* A scrape of KEDA without honorLabels renames its namespace label. */}}
{{- $errors := "increase(keda_scaler_detail_errors_total{scaledObject=%q,%s=%q}[5m])" }}
{{- $ours := printf $errors $name "namespace" .Release.Namespace }}
{{- $renamed := printf $errors $name "exported_namespace" .Release.Namespace }}
{{- /* Longer than a blip stays in the window. */}}
{{ include "vllm.alert" (dict "root" . "name" "VllmScalerInFallback" "severity" "warning" "for" "10m"
  "expr" (printf "sum(%s or %s) > 3" $renamed $ours)
  "summary" "KEDA can't read the scaling signal; the number of servers stands still."
  "description" "{{ $value | humanize }} failed readings in 5 minutes. Look at the ScaledObject's conditions and at Prometheus.") }}
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
