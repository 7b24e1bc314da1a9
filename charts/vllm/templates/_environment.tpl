{{- /* A user without an entry in /etc/passwd needs USER and HOME: torch asks for them (getpass.getuser). */}}
{{- define "vllm.userEnvironment" -}}
USER: vllm
LOGNAME: vllm
HOME: /home/vllm
TMPDIR: /tmp
HF_HOME: /cache/hf
HF_HUB_DISABLE_TELEMETRY: "1"
{{- end }}

{{- /* What is compiled belongs to the pod: Triton and torch lose files when replicas write one folder over NFS
       (triton-lang/triton#11512, pytorch/pytorch#173679). Only HF_HOME is on the cache volume. */}}
{{- define "vllm.serverEnvironment" -}}
{{ include "vllm.userEnvironment" . }}
XDG_CACHE_HOME: /home/vllm/.cache
XDG_CONFIG_HOME: /home/vllm/.config
VLLM_CACHE_ROOT: /home/vllm/.cache/vllm
VLLM_CONFIG_ROOT: /home/vllm/.config/vllm
TRITON_CACHE_DIR: /home/vllm/.cache/triton
TORCHINDUCTOR_CACHE_DIR: /home/vllm/.cache/inductor
NUMBA_CACHE_DIR: /home/vllm/.cache/numba
OUTLINES_CACHE_DIR: /home/vllm/.cache/outlines
CUDA_CACHE_PATH: /home/vllm/.cache/cuda
FLASHINFER_WORKSPACE_BASE: /home/vllm/.cache/flashinfer
VLLM_ENGINE_READY_TIMEOUT_S: {{ .Values.budget.startSeconds | int64 | quote }}
VLLM_NO_USAGE_STATS: "1"
{{- if include "vllm.offline" . }}
HF_HUB_OFFLINE: "1"
{{- else if .Values.model.token.secret }}
HF_TOKEN_PATH: /etc/hf/token
{{- end }}
{{- if eq .Values.model.source "bucket" }}
AWS_ENDPOINT_URL: {{ .Values.model.bucket.endpoint | quote }}
AWS_REGION: {{ .Values.model.bucket.region | quote }}
AWS_DEFAULT_REGION: {{ .Values.model.bucket.region | quote }}
AWS_SHARED_CREDENTIALS_FILE: /etc/bucket/credentials
AWS_EC2_METADATA_DISABLED: "true"
RUNAI_STREAMER_S3_USE_VIRTUAL_ADDRESSING: "0"
{{- end }}
{{- end }}

{{- define "vllm.downloadEnvironment" -}}
{{ include "vllm.userEnvironment" . }}
{{- if .Values.model.token.secret }}
HF_TOKEN_PATH: /etc/hf/token
{{- end }}
{{- end }}

{{- /* Takes root and the chart's own variables; one that extraEnv names, too, is extraEnv's. */}}
{{- define "vllm.env" -}}
{{- $own := fromYaml .own }}
{{- range .root.Values.extraEnv }}
{{- $own = omit $own .name }}
{{- end }}
{{- range $name, $value := $own }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- with .root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
