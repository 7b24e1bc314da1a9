{{- /* A user without an entry in /etc/passwd needs USER and HOME: torch asks for them (getpass.getuser). */}}
{{- define "vllm.userEnvironment" -}}
{{- dict "USER" "vllm" "LOGNAME" "vllm" "HOME" "/home/vllm" "TMPDIR" "/tmp" "HF_HOME" "/cache/hf"
  "HF_HUB_DISABLE_TELEMETRY" "1" | toJson }}
{{- end }}

{{- /* Everything that writes a cache writes it to the cache volume. */}}
{{- define "vllm.cacheEnvironment" -}}
{{- dict "VLLM_CACHE_ROOT" "/cache/vllm" "TRITON_CACHE_DIR" "/cache/triton" "TORCHINDUCTOR_CACHE_DIR" "/cache/inductor"
  "FLASHINFER_WORKSPACE_BASE" "/cache/flashinfer" "NUMBA_CACHE_DIR" "/cache/numba" "OUTLINES_CACHE_DIR" "/cache/outlines"
  "CUDA_CACHE_PATH" "/cache/cuda" "XDG_CACHE_HOME" "/cache/xdg" "XDG_CONFIG_HOME" "/home/vllm/.config"
  "VLLM_CONFIG_ROOT" "/home/vllm/.config/vllm" | toJson }}
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
