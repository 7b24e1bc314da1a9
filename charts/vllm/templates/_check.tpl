{{- /* What the schema can't say and Kubernetes doesn't refuse, or refuses too late: every problem at once. */}}
{{- define "vllm.check" -}}
{{- $problems := list }}
{{- range list "Names" "Weights" "Autoscaling" "Exposure" }}
{{- $problems = concat $problems (include (printf "vllm.check%s" .) $ | trim | splitList "\n" | compact) }}
{{- end }}
{{- if $problems }}
{{- fail (printf "\n%s" (join "\n" $problems)) }}
{{- end }}
{{- end }}

{{- define "vllm.checkNames" }}
{{- $name := include "vllm.fullname" . }}
{{- if or (eq $name "vllm") (not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name)) }}
fullnameOverride: {{ $name }} cannot be the name of the Service; use lower-case letters, digits and dashes, begin with a letter, and do not use vllm, whose Service variables vLLM takes for its own
{{- end }}
{{- $volumes := list "cache" "tmp" "home" "shm" "config" "api-key" "hf-token" "bucket" "weights" }}
{{- range .Values.extraVolumes }}
{{- if has .name $volumes }}
extraVolumes: the name {{ .name }} is taken; choose another
{{- end }}
{{- $volumes = append $volumes .name }}
{{- end }}
{{- $paths := list "/cache" "/tmp" "/home/vllm" "/dev/shm" "/etc/vllm" "/etc/hf" "/etc/bucket" "/models" }}
{{- range .Values.extraVolumeMounts }}
{{- if has (clean .mountPath) $paths }}
extraVolumeMounts: {{ .mountPath }} is taken; choose another path
{{- end }}
{{- $paths = append $paths (clean .mountPath) }}
{{- end }}
{{- $containers := list "vllm" "await-weights" "api-key" }}
{{- range concat .Values.initContainers .Values.extraContainers }}
{{- if has .name $containers }}
initContainers and extraContainers: the name {{ .name }} is taken; choose another
{{- end }}
{{- $containers = append $containers .name }}
{{- end }}
{{- $variables := list }}
{{- range .Values.extraEnv }}
{{- if has .name $variables }}
extraEnv: {{ .name }} is there twice; keep one
{{- end }}
{{- $variables = append $variables .name }}
{{- end }}
{{- end }}

{{- define "vllm.checkWeights" }}
{{- $model := .Values.model }}
{{- $cache := .Values.cache }}
{{- if and (eq $model.source "volume") (not $model.volume.claim) }}
model.volume.claim: source volume needs the PVC that holds the weights
{{- end }}
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
{{- if and (eq $cache.kind "claim") (not $cache.claim) }}
cache.claim: cache.kind claim needs the name of the PVC
{{- end }}
{{- if and (eq $cache.kind "nvme") (not $cache.storageClassName) }}
cache.storageClassName: cache.kind nvme needs the StorageClass of the nodes' local disks
{{- end }}
{{- end }}

{{- define "vllm.checkAutoscaling" }}
{{- with .Values.autoscaling }}
{{- if .enabled }}
{{- if gt (int64 .minReplicas) (int64 .maxReplicas) }}
autoscaling.minReplicas: {{ .minReplicas }} is more than autoscaling.maxReplicas, {{ .maxReplicas }}
{{- end }}
{{- if and (eq (int64 .minReplicas) 0) (ne .signal "upstream") }}
autoscaling.minReplicas: 0 needs autoscaling.signal upstream; vLLM's own metrics end with the last pod, and nothing would start the first one again
{{- end }}
{{- if and (eq .signal "upstream") (not .upstream.query) }}
autoscaling.upstream.query: signal upstream needs a query
{{- end }}
{{- if and .minReplicas (eq .signal "upstream") (regexMatch "(?i)\\bor\\s+(on\\s*\\([^)]*\\)\\s*)?vector\\s*\\(" .upstream.query) }}
autoscaling.upstream.query: `or vector(…)` is only for minReplicas 0; with {{ .minReplicas }} a lost metric would look like no load and remove pods
{{- end }}
{{- if and $.Values.podMonitor.enabled (has .signal (list "ttft" "composite")) (lt (int64 .ttft.windowSeconds) (mul 4 $.Values.podMonitor.intervalSeconds)) }}
autoscaling.ttft.windowSeconds: {{ .ttft.windowSeconds }} is less than four times podMonitor.intervalSeconds, {{ $.Values.podMonitor.intervalSeconds }}; a rate over fewer scrapes has no value and would be taken for no load
{{- end }}
{{- if and (ne .prometheus.auth.mode "none") (not .prometheus.auth.secret) }}
autoscaling.prometheus.auth.secret: mode {{ .prometheus.auth.mode }} needs the Secret
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "vllm.checkExposure" }}
{{- $longest := int64 .Values.drain.shutdownSeconds }}
{{- $policy := .Values.networkPolicy }}
{{- $closed := and $policy.enabled (not (or $policy.clientNamespaces $policy.clientCidrs $policy.extraIngress)) }}
{{- range $key := list "httpRoute" "ingress" }}
{{- with get $.Values $key }}
{{- if .enabled }}
{{- if gt (int64 .timeoutSeconds) $longest }}
{{ $key }}.timeoutSeconds: a request may take {{ .timeoutSeconds }} s, and a pod that ends cuts it after drain.shutdownSeconds, {{ $longest }} s; raise that, or lower this
{{- end }}
{{- if $closed }}
networkPolicy.clientNamespaces: the policy would keep every request of the {{ $key }} out; name the namespace of the gateway's pods
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not (and .Values.httpRoute.parentRefs .Values.httpRoute.hostnames)) }}
httpRoute: needs a Gateway in parentRefs and a name in hostnames
{{- end }}
{{- with .Values.ingress }}
{{- if and .enabled (not (and .host (or .tlsSecret .plainHttp))) }}
ingress: needs host, and tlsSecret with its certificate (plainHttp: true allows none)
{{- end }}
{{- end }}
{{- end }}
