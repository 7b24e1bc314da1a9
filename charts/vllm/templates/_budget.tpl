{{- /* preStop, then vLLM's own shutdown-timeout, then time to exit. */}}
{{- define "vllm.graceSeconds" -}}
{{- with .Values.drain }}
{{- add .preStopSeconds .shutdownSeconds .marginSeconds }}
{{- end }}
{{- end }}

{{- /* Startup probes that fit into the start budget, one every 10 seconds. */}}
{{- define "vllm.startFailures" -}}
{{- div (add .Values.budget.startSeconds 9) 10 }}
{{- end }}

{{- /* From a pod's creation to its readiness, when the weights are there. */}}
{{- define "vllm.arrivalSeconds" -}}
{{- add .Values.budget.scheduleSeconds .Values.budget.startSeconds }}
{{- end }}

{{- /* A pod that was ordered may arrive before it is taken away again. The limits are the HPA's. */}}
{{- define "vllm.upSeconds" -}}
{{- .Values.scaling.up.periodSeconds | int64 | default (min 1800 (include "vllm.arrivalSeconds" .)) }}
{{- end }}

{{- define "vllm.downSeconds" -}}
{{- .Values.scaling.down.stabilizationSeconds | int64 | default (min 3600 (max 300 .Values.budget.startSeconds)) }}
{{- end }}

{{- define "vllm.cooldownSeconds" -}}
{{- .Values.scaling.cooldownSeconds | int64 | default (max 600 (include "vllm.arrivalSeconds" .)) }}
{{- end }}

{{- /* The old pod's end, a node, the image, the weights, the start. */}}
{{- define "vllm.progressSeconds" -}}
{{- $download := ternary .Values.download.timeoutSeconds 0 .Values.download.enabled }}
{{- add (include "vllm.graceSeconds" .) (include "vllm.arrivalSeconds" .) $download }}
{{- end }}
