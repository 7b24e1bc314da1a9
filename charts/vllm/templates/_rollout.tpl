{{- /* recreate, inPlace or surge. In place is the answer for a full pool: a surge would wait for a GPU for ever. */}}
{{- define "vllm.strategyName" -}}
{{- $fixed := and (not .Values.scaling.enabled) (le (int64 .Values.replicas) 1) }}
{{- if ne .Values.rollout.strategy "auto" }}
{{- .Values.rollout.strategy }}
{{- else if and (ge (int64 .Values.rollout.spareGpus) (int64 .Values.gpu.count)) (ne .Values.cache.kind "block") }}
{{- "surge" }}
{{- else }}
{{- ternary "recreate" "inPlace" (or $fixed (eq .Values.cache.kind "block")) }}
{{- end }}
{{- end }}

{{- define "vllm.strategy" -}}
{{- $name := include "vllm.strategyName" . }}
{{- if eq $name "recreate" -}}
type: Recreate
{{- else -}}
type: RollingUpdate
rollingUpdate:
  {{- if eq $name "surge" }}
  maxSurge: {{ div .Values.rollout.spareGpus .Values.gpu.count }}
  maxUnavailable: 0
  {{- else }}
  maxSurge: 0
  maxUnavailable: 1
  {{- end }}
{{- end }}
{{- end }}
