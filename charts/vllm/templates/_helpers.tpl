{{- /* Value of app.kubernetes.io/name. As a subchart, .Chart.Name is the alias. */}}
{{- define "vllm.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 54 | trimSuffix "-" }}
{{- end }}

{{- /* Name of every object: helm create's rule, but 46 characters, because Kubernetes cuts the names of longer ones' pods,
       and never just vllm: a Service of that name sets VLLM_PORT in other pods, which vLLM takes for its own variable. */}}
{{- define "vllm.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 46 | trimSuffix "-" }}
{{- ternary "vllm-server" $full (eq $full "vllm") }}
{{- end }}
{{- end }}

{{- define "vllm.serviceAccountName" -}}
{{- default (ternary (include "vllm.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "vllm.image" -}}
{{- printf "%s:%s" .Values.image.repository .Values.image.tag }}
{{- with .Values.image.digest }}{{ printf "@%s" . }}{{ end }}
{{- end }}

{{- /* A digest can't change, so a node that holds it needs no registry. */}}
{{- define "vllm.pullPolicy" -}}
{{- default (ternary "IfNotPresent" "Always" (not (empty .Values.image.digest))) .Values.image.pullPolicy }}
{{- end }}

{{- /* What clients ask for, and the model_name of every metric. */}}
{{- define "vllm.servedName" -}}
{{- default (include "vllm.fullname" .) .Values.model.servedName }}
{{- end }}

{{- /* Whose pods they are; never changes after the first install, for a Deployment's selector can't. Those of the Job
       (component download) and of the test must not be selected by the server's Service. Takes root and component. */}}
{{- define "vllm.selectorLabels" -}}
app.kubernetes.io/name: {{ list (include "vllm.name" .root) .component | compact | join "-" | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{- end }}

{{- /* Takes root and, but for the server's objects, component; for some kinds more labels, which win. */}}
{{- define "vllm.labels" -}}
{{- $version := .root.Values.image.tag | trunc 63 | trimAll "-_." }}
{{- $own := dict "app.kubernetes.io/component" (.component | default "server") "app.kubernetes.io/managed-by" .root.Release.Service "app.kubernetes.io/version" $version }}
{{- include "vllm.selectorLabels" . }}
{{- range $key, $value := mergeOverwrite $own (.root.Values.commonLabels | default dict) (.more | default dict) }}
{{ toRawJson $key }}: {{ toRawJson $value }}
{{- end }}
{{- end }}

{{- /* Name, labels and annotations of an object. Takes what vllm.labels takes, a name of its own and annotations. */}}
{{- define "vllm.metadata" -}}
name: {{ .name | default (list (include "vllm.fullname" .root) .component | compact | join "-") | quote }}
labels:
  {{- include "vllm.labels" . | nindent 2 }}
{{- with .annotations }}
annotations: {{ toRawJson . }}
{{- end }}
{{- end }}

{{- /* Weights come from the cache or a volume, never from Hugging Face: true or empty. */}}
{{- define "vllm.offline" -}}
{{- if or .Values.download.enabled (ne .Values.model.source "hf") }}true{{ end }}
{{- end }}

{{- /* KEDA decides the number of pods: true or empty. */}}
{{- define "vllm.scales" -}}
{{- with .Values.autoscaling }}
{{- if and .enabled (ne (int64 .minReplicas) (int64 .maxReplicas)) }}true{{ end }}
{{- end }}
{{- end }}

{{- define "vllm.cacheClaim" -}}
{{- ternary .Values.cache.claim (printf "%s-cache" (include "vllm.fullname" .)) (eq .Values.cache.kind "claim") }}
{{- end }}

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

{{- /* From a pod's creation to its readiness in a rollout. */}}
{{- define "vllm.replacedSeconds" -}}
{{- add (include "vllm.arrivalSeconds" .) (ternary (include "vllm.graceSeconds" .) "0" (eq (include "vllm.replacesInPlace" .) "true")) }}
{{- end }}

{{- /* The old pod's end, a node, the image, the weights where they may come later, the start. */}}
{{- define "vllm.progressSeconds" -}}
{{- $download := ternary .Values.download.timeoutSeconds 0 (and .Values.download.enabled (not .Values.download.first)) }}
{{- add (include "vllm.graceSeconds" .) (include "vllm.arrivalSeconds" .) $download }}
{{- end }}

{{- /* Probes that fit into the start budget. */}}
{{- define "vllm.startFailures" -}}
{{- $period := (.Values.startupProbe).periodSeconds | default 10 | int64 }}
{{- div (add .Values.budget.startSeconds $period -1) $period }}
{{- end }}

{{- /* DNS, port 443 of public addresses, and the networks and ports that are listed. Never the link-local addresses: the
       instance's metadata service, and with it the node's identity, is there. Takes root and internet (true or false). */}}
{{- define "vllm.egress" -}}
{{- $policy := .root.Values.networkPolicy }}
{{- if not (or .internet $policy.egress $policy.extraEgress) -}}
egress: []
{{- else -}}
egress:
  - to:
      - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      {{- range $policy.dnsCidrs }}
      - ipBlock: {cidr: {{ . | quote }}}
      {{- end }}
    ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
  {{- if .internet }}
  - to:
      - ipBlock:
          cidr: 0.0.0.0/0
          except: [10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
      - ipBlock:
          cidr: ::/0
          except: [fc00::/7, fe80::/10]
    ports: [{port: 443}]
  {{- end }}
  {{- range $policy.egress }}
  - to: [{ipBlock: {cidr: {{ .cidr | quote }}}}]
    ports: [{port: {{ .port | default 443 | int64 }}}]
  {{- end }}
  {{- with $policy.extraEgress }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}
