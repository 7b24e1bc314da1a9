{{- /* From kube-state-metrics. A Deployment's pod is called NAME-hash-five letters. */}}
{{- define "vllm.clusterAlerts" -}}
{{- $name := include "vllm.fullname" . }}
{{- $deployment := printf "namespace=%q,deployment=%q" .Release.Namespace $name }}
{{- $pods := printf "namespace=%q,pod=~\"%s-[a-z0-9]+-[a-z0-9]{5}\"" .Release.Namespace $name }}
{{- $budget := include "vllm.arrivalSeconds" . | int64 }}
{{- $available := printf "max(kube_deployment_status_replicas_available{%s})" $deployment }}
{{- $wanted := printf "max(kube_deployment_spec_replicas{%s})" $deployment }}
{{- $starting := printf "time() - max(kube_pod_created{%s}) < %d" $pods $budget }}
{{- /* Pods wait for the download, and start when it has ended. */}}
{{- $job := printf "namespace=%q,job_name=~\"%s[0-9a-f]{8}\"" .Release.Namespace (include "vllm.downloadPrefix" .) }}
{{- $downloading := printf "max(max_over_time(kube_job_status_active{%s}[%ds])) > 0" $job (int64 .Values.budget.startSeconds) }}
{{- $unless := ternary (printf " unless on () %s" $downloading) "" .Values.download.enabled }}
{{- /* Pods that are evicted and made again are always young: then the time without any server counts. Over all series, for
       a kube-state-metrics that has moved begins new ones, and never without a history as long as the time. */}}
{{- $never := printf "max(max_over_time(kube_deployment_status_replicas_available{%s}[%ds])) == 0" $deployment $budget }}
{{- $always := printf "min(min_over_time(kube_deployment_spec_replicas{%s}[%ds])) > 0" $deployment $budget }}
{{- $history := printf "max(kube_deployment_spec_replicas{%s} offset %ds)" $deployment $budget }}
{{ include "vllm.alert" (dict "root" . "name" "VllmDown" "severity" "critical" "for" "5m"
  "expr" (printf "(%s == 0 and %s > 0 unless %s or (%s and %s and %s))%s" $available $wanted $starting $never $always $history $unless)
  "summary" "No server of the model is ready."
  "description" "None has been ready for 5 minutes, and the start budget is used up. Look at the pods' events and logs.") }}
{{- $late := printf "time() - max by (pod) (kube_pod_created{%s}) > %d" $pods $budget }}
{{- $unready := printf "max by (pod) (max_over_time(kube_pod_status_ready{%s,condition=\"true\"}[%ds])) == 0" $pods $budget }}
{{- $alive := printf "max by (pod) (kube_pod_status_phase{%s,phase=~\"Pending|Running\"}) == 1" $pods }}
{{- $seen := printf "max by (pod) (kube_pod_created{%s} offset %ds)" $pods $budget }}
{{ include "vllm.alert" (dict "root" . "name" "VllmStartsSlowly" "severity" "warning" "for" "1m"
  "expr" (printf "%s and %s and %s and %s%s" $late $unready $alive $seen $unless)
  "summary" "A server isn't ready within its start budget."
  "description" (printf "{{ $labels.pod }} is {{ $value | humanizeDuration }} old and hasn't been ready for %d s, its budget." $budget)) }}
{{ include "vllm.alert" (dict "root" . "name" "VllmEngineDies" "severity" "warning" "for" "0m"
  "expr" (printf "increase(kube_pod_container_status_restarts_total{%s,container=\"vllm\"}[30m]) > 0" $pods)
  "summary" "A server was restarted: its engine died, or stopped to answer."
  "description" "{{ $labels.pod }} was restarted within the last 30 minutes.") }}
{{- /* Before the time for taking pods away ends: a pod that isn't scraped counts as idle. */}}
{{ include "vllm.alert" (dict "root" . "name" "VllmMetricsMissing" "severity" "warning" "for" "3m"
  "expr" (printf "%s > (count(count by (pod) (vllm:num_requests_running{%s})) or vector(0))" $available (include "vllm.series" .))
  "summary" "Servers are ready, but the metrics of some or all aren't there."
  "description" "{{ $value }} are ready, fewer are scraped. Scaling and all other alerts are blind. Look at the PodMonitor, its labels and the NetworkPolicy.") }}
{{- end }}
