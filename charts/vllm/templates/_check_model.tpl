{{- define "vllm.checkModel" }}
{{- $model := .Values.model }}
{{- if and (eq $model.source "volume") (not $model.volume.claim) }}
model.volume.claim: source volume needs the claim that holds the weights
{{- end }}
{{- if eq $model.source "bucket" }}
{{- if not (and $model.bucket.uri $model.bucket.endpoint $model.bucket.region $model.bucket.credentials.secret) }}
model.bucket: source bucket needs uri, endpoint, region and credentials.secret
{{- end }}
{{- end }}
{{- if and .Values.download.enabled (or (ne $model.source "hf") (not (has .Values.cache.kind (list "fss" "claim")))) }}
download.enabled: a copy for all pods needs model.source hf and a cache that they share (cache.kind fss or claim)
{{- end }}
{{- end }}

{{- define "vllm.checkCache" }}
{{- $claims := has .Values.cache.kind (list "fss" "block" "claim") }}
{{- if and $claims (eq .Values.model.source "volume") (eq .Values.model.volume.claim (include "vllm.cacheClaim" .)) .Values.model.volume.claim }}
model.volume.claim: is the cache's claim, too, and a pod can't mount one claim as two volumes; give the cache another, or none (cache.kind emptyDir)
{{- end }}
{{- $pods := ternary .Values.scaling.max .Values.replicas .Values.scaling.enabled | int64 }}
{{- if and (eq .Values.cache.kind "block") (gt $pods 1) }}
cache.kind: a block volume serves one node, but up to {{ $pods }} pods may run; use fss, nvme or emptyDir
{{- end }}
{{- if and (eq .Values.cache.kind "claim") (not .Values.cache.claim) }}
cache.claim: cache.kind claim needs its name
{{- end }}
{{- if and (eq .Values.cache.kind "nvme") (not .Values.cache.storageClassName) }}
cache.storageClassName: cache.kind nvme needs the storage class of the nodes' local disks
{{- end }}
{{- end }}

{{- define "vllm.checkRollout" }}
{{- if eq .Values.rollout.strategy "surge" }}
{{- if lt (int64 .Values.rollout.spareGpus) (int64 .Values.gpu.count) }}
rollout.strategy: surge needs {{ .Values.gpu.count }} spare GPUs, rollout.spareGpus says {{ .Values.rollout.spareGpus }}; the new pod would wait for ever
{{- end }}
{{- if eq .Values.cache.kind "block" }}
rollout.strategy: surge would start the new pod while the old one holds the block volume
{{- end }}
{{- end }}
{{- end }}
