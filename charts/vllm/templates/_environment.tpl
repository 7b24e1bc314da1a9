{{- /* A user without an entry in /etc/passwd needs USER and HOME: torch asks for them (getpass.getuser). */}}
{{- define "vllm.userEnvironment" -}}
{{- dict "USER" "vllm" "LOGNAME" "vllm" "HOME" "/home/vllm" "TMPDIR" "/tmp" "HF_HOME" "/cache/hf"
  "HF_HUB_DISABLE_TELEMETRY" "1" | toJson }}
{{- end }}

{{- /* What is compiled belongs to the pod: Triton and torch lose files when replicas write one folder over NFS
       (triton-lang/triton#11512, pytorch/pytorch#173679). Only HF_HOME is on the cache volume. */}}
{{- define "vllm.cacheEnvironment" -}}
{{- $caches := dict "XDG_CACHE_HOME" "" "VLLM_CACHE_ROOT" "/vllm" "TRITON_CACHE_DIR" "/triton"
  "TORCHINDUCTOR_CACHE_DIR" "/inductor" "NUMBA_CACHE_DIR" "/numba" "OUTLINES_CACHE_DIR" "/outlines"
  "CUDA_CACHE_PATH" "/cuda" "FLASHINFER_WORKSPACE_BASE" "/flashinfer" }}
{{- range $name, $folder := $caches }}
{{- $_ := set $caches $name (printf "/home/vllm/.cache%s" $folder) }}
{{- end }}
{{- merge $caches (dict "XDG_CONFIG_HOME" "/home/vllm/.config" "VLLM_CONFIG_ROOT" "/home/vllm/.config/vllm") | toJson }}
{{- end }}

{{- define "vllm.environment" -}}
{{- $env := merge (include "vllm.userEnvironment" . | fromJson) (include "vllm.cacheEnvironment" . | fromJson) }}
{{- $_ := set $env "VLLM_ENGINE_READY_TIMEOUT_S" (.Values.budget.startSeconds | int64 | toString) }}
{{- $_ := set $env "VLLM_NO_USAGE_STATS" "1" }}
{{- if include "vllm.offline" . }}
{{- $_ := set $env "HF_HUB_OFFLINE" "1" }}
{{- else if .Values.model.token.secret }}
{{- $_ := set $env "HF_TOKEN_PATH" "/etc/hf/token" }}
{{- end }}
{{- if eq .Values.model.source "bucket" }}
{{- $bucket := .Values.model.bucket }}
{{- $env = merge $env (dict "AWS_ENDPOINT_URL" $bucket.endpoint "AWS_REGION" $bucket.region
  "AWS_DEFAULT_REGION" $bucket.region "AWS_SHARED_CREDENTIALS_FILE" "/etc/bucket/credentials"
  "AWS_EC2_METADATA_DISABLED" "true" "RUNAI_STREAMER_S3_USE_VIRTUAL_ADDRESSING" "0") }}
{{- end }}
{{- include "vllm.variables" (merge (deepCopy .Values.env) $env) }}
{{- end }}

{{- define "vllm.downloadEnvironment" -}}
{{- $env := include "vllm.userEnvironment" . | fromJson }}
{{- if .Values.model.token.secret }}
{{- $_ := set $env "HF_TOKEN_PATH" "/etc/hf/token" }}
{{- end }}
{{- include "vllm.variables" (merge (deepCopy .Values.env) $env) }}
{{- end }}

{{- define "vllm.variables" -}}
{{- $lines := list }}
{{- range $name, $value := . }}
{{- $lines = append $lines (printf "- name: %s\n  value: %s" (quote $name) (quote $value)) }}
{{- end }}
{{- join "\n" $lines }}
{{- end }}
