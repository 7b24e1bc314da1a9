{{- /* Where the server and the download Job may run: both want the same nodes, which hold the image.
  toYaml quotes a key only where it must: the hash in a Job's name counts every character. */}}
{{- define "vllm.placement" -}}
tolerations:
  - key: {{ toYaml .Values.gpu.taint }}
    operator: Exists
  {{- range .Values.placement.tolerations }}
  - {{ toRawJson . }}
  {{- end }}
{{- if or .Values.placement.instanceTypes .Values.placement.zones }}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
            {{- with .Values.placement.instanceTypes }}
            - key: {{ toYaml $.Values.placement.instanceTypeLabel }}
              operator: In
              values: {{ toRawJson . }}
            {{- end }}
            {{- with .Values.placement.zones }}
            - key: topology.kubernetes.io/zone
              operator: In
              values: {{ toRawJson . }}
            {{- end }}
{{- end }}
{{- with .Values.placement.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end }}

{{- /* Replicas on different nodes where that is possible; a full pool still runs them all. */}}
{{- define "vllm.spread" -}}
topologySpreadConstraints:
  - topologyKey: kubernetes.io/hostname
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "vllm.selectorLabels" . | nindent 8 }}
{{- end }}
