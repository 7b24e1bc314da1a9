{{- /* What breaks silently, or where nobody looks, and neither the schema nor Kubernetes refuses: every problem at once. */}}
{{- define "vllm.check" -}}
{{- with include "vllm.problems" . | splitList "\n" | compact }}
{{- fail (printf "\n%s" (join "\n" .)) }}
{{- end }}
{{- end }}

{{- define "vllm.problems" }}
{{- $name := include "vllm.fullname" . }}
{{- if or (eq $name "vllm") (not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name)) }}
fullnameOverride: {{ $name }} cannot be the name of the Service; use lower-case letters, digits and dashes, begin with a letter, and do not use vllm, whose Service variables vLLM takes for its own
{{- end }}
{{- if and (regexMatch "^latest(-|$)" .Values.image.tag) (not .Values.image.digest) }}
image.tag: {{ .Values.image.tag }} changes under running pods; name a version, such as v{{ .Chart.AppVersion }}, or give image.digest
{{- end }}
{{- $service := .Values.service }}
{{- if and (eq ($service.clusterIP | default "") "None") (ne (int64 $service.port) 8000) }}
service.port: {{ $service.port }} is of no use with service.clusterIP None, where clients reach the pods themselves, on 8000
{{- end }}
{{- $own := dict "--model" "model.id" "--served-model-name" "model.servedName" "--revision" "model.revision" "--port" "service.port"
  "--shutdown-timeout" "drain.shutdownSeconds" "--api-key" "apiKey.secret" "--config" (ternary "args" "" (ne .Values.apiKey.secret "")) }}
{{- range .Values.args }}
{{- $flag := splitList "=" . | first }}
{{- with get $own ($flag | replace "_" "-") }}
args: {{ $flag }} is set by the chart; use {{ . }}
{{- end }}
{{- end }}
{{- $resources := dict "requests" dict "limits" dict | merge (.Values.resources | default dict | deepCopy) }}
{{- if and .Values.gpu.count (hasKey (merge $resources.requests $resources.limits) .Values.gpu.resource) }}
resources: {{ .Values.gpu.resource }} is set by gpu.count; remove it here
{{- end }}
{{- $model := .Values.model }}
{{- $cache := .Values.cache }}
{{- if and (eq $model.source "bucket") (not (and $model.bucket.uri $model.bucket.endpoint $model.bucket.region $model.bucket.credentials.secret)) }}
model.bucket: source bucket needs uri, endpoint, region and credentials.secret
{{- end }}
{{- if and .Values.download.enabled (or (ne $model.source "hf") (not (has $cache.kind (list "fss" "claim")))) }}
download.enabled: one copy for all pods needs model.source hf and a cache that they share (cache.kind fss or claim)
{{- end }}
{{- if and (has $cache.kind (list "fss" "block" "claim")) (eq $model.source "volume") $model.volume.claim (eq $model.volume.claim (include "vllm.cacheClaim" .)) }}
model.volume.claim: is also the PVC of the cache, and a pod cannot mount one PVC as two volumes; give the cache another one, or use cache.kind emptyDir
{{- end }}
{{- $pods := ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled | int64 }}
{{- if and (eq $cache.kind "block") (gt $pods 1) }}
cache.kind: a block volume serves one node, but up to {{ $pods }} pods may run; use fss, nvme or emptyDir
{{- end }}
{{- if and (eq $cache.kind "block") (not (include "vllm.replacesInPlace" .)) }}
strategy: a new pod would wait for the block volume, which the old one holds; use Recreate, or maxSurge 0
{{- end }}
{{- if and (eq $cache.kind "nvme") (not $cache.storageClassName) }}
cache.storageClassName: cache.kind nvme needs the StorageClass of the nodes' local disks
{{- end }}
{{- $scaling := .Values.autoscaling }}
{{- if $scaling.enabled }}
{{- if gt (int64 $scaling.minReplicas) (int64 $scaling.maxReplicas) }}
autoscaling.minReplicas: {{ $scaling.minReplicas }} is more than autoscaling.maxReplicas, {{ $scaling.maxReplicas }}
{{- end }}
{{- if and (eq $scaling.signal "upstream") (not $scaling.upstream.query) }}
autoscaling.upstream.query: signal upstream needs a query
{{- end }}
{{- if and (ne $scaling.prometheus.auth.mode "none") (not $scaling.prometheus.auth.secret) }}
autoscaling.prometheus.auth.secret: mode {{ $scaling.prometheus.auth.mode }} needs the Secret
{{- end }}
{{- if and (not $scaling.minReplicas) (ne $scaling.signal "upstream") }}
autoscaling.minReplicas: 0 needs autoscaling.signal upstream; vLLM's own metrics end with the last pod, and nothing would start the first one again
{{- end }}
{{- if and $scaling.minReplicas (eq $scaling.signal "upstream") (regexMatch "(?i)\\bor\\s+(on\\s*\\([^)]*\\)\\s*)?vector\\s*\\(" $scaling.upstream.query) }}
autoscaling.upstream.query: `or vector(…)` is only for minReplicas 0; with {{ $scaling.minReplicas }} a lost metric would look like no load and remove pods
{{- end }}
{{- $interval := .Values.podMonitor.intervalSeconds }}
{{- if and .Values.podMonitor.enabled (has $scaling.signal (list "ttft" "composite")) (lt (int64 $scaling.ttft.windowSeconds) (mul 4 $interval)) }}
autoscaling.ttft.windowSeconds: {{ $scaling.ttft.windowSeconds }} is less than four times podMonitor.intervalSeconds, {{ $interval }}; a rate over fewer scrapes has no value and would be taken for no load
{{- end }}
{{- end }}
{{- $longest := int64 .Values.drain.shutdownSeconds }}
{{- $policy := .Values.networkPolicy }}
{{- $closed := and $policy.enabled (not (or $policy.clientNamespaces $policy.clientCidrs $policy.extraIngress)) }}
{{- range $key, $route := pick .Values "httpRoute" "ingress" }}
{{- if and $route.enabled (gt (int64 $route.timeoutSeconds) $longest) }}
{{ $key }}.timeoutSeconds: a request may take {{ $route.timeoutSeconds }} s, and a pod that ends cuts it after drain.shutdownSeconds, {{ $longest }} s; raise that, or lower this
{{- end }}
{{- if and $route.enabled $closed }}
networkPolicy.clientNamespaces: the policy would keep every request of the {{ $key }} out; name the namespace of the gateway's pods
{{- end }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not (and .Values.httpRoute.parentRefs .Values.httpRoute.hostnames)) }}
httpRoute: needs a Gateway in parentRefs and a name in hostnames
{{- end }}
{{- if and .Values.ingress.enabled (not (and .Values.ingress.host (or .Values.ingress.tlsSecret .Values.ingress.plainHttp))) }}
ingress: needs host, and tlsSecret with its certificate (plainHttp: true allows none)
{{- end }}
{{- end }}
