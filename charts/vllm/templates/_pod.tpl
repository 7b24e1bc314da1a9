{{- /* What holds for every pod. */}}
{{- define "vllm.podSpec" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext: {{ .Values.podSecurityContext | default dict | toRawJson }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* In place: on a full pool a surge would wait for a GPU for ever. */}}
{{- define "vllm.strategy" -}}
{{- $inPlace := dict "rollingUpdate" (dict "maxSurge" 0 "maxUnavailable" 1) }}
{{- .Values.strategy | default (ternary (dict "type" "Recreate") $inPlace (eq .Values.cache.kind "block")) | toRawJson }}
{{- end }}

{{- /* Without a surge a pod waits until the one that it replaces has finished its requests: true or empty. */}}
{{- define "vllm.replacesInPlace" -}}
{{- $strategy := include "vllm.strategy" . | fromJson }}
{{- if or (eq (get $strategy "type") "Recreate") (has (dig "rollingUpdate" "maxSurge" "25%" $strategy | toString) (list "0" "0%")) }}true{{ end }}
{{- end }}

{{- /* The server's own variables. What shapes decide is first: an overlay of Kustomize names what comes before a change, too.
       What is compiled belongs to the pod, for Triton and torch lose files when replicas write one folder over NFS
       (triton-lang/triton#11512, pytorch/pytorch#173679), so only HF_HOME is on the cache volume. Everything else goes
       below HOME or /tmp by itself: ~/.cache (vLLM, FlashInfer, Numba, Outlines), ~/.config/vllm, ~/.triton, ~/.nv (CUDA),
       /tmp/torchinductor_vllm. A user without an entry in /etc/passwd needs USER for that last one (getpass.getuser). */}}
{{- define "vllm.serverEnvironment" -}}
- {name: VLLM_ENGINE_READY_TIMEOUT_S, value: {{ .Values.budget.startSeconds | int64 | quote }}}
- {name: VLLM_NO_USAGE_STATS, value: "1"}
- {name: USER, value: vllm}
- {name: HOME, value: /home/vllm}
- {name: HF_HOME, value: /cache/hf}
- {name: HF_HUB_DISABLE_TELEMETRY, value: "1"}
{{- if include "vllm.offline" . }}
- {name: HF_HUB_OFFLINE, value: "1"}
{{- else if .Values.model.token.secret }}
- {name: HF_TOKEN_PATH, value: /etc/hf/token}
{{- end }}
{{- if eq .Values.model.source "bucket" }}
- {name: AWS_ENDPOINT_URL, value: {{ .Values.model.bucket.endpoint | quote }}}
- {name: AWS_REGION, value: {{ .Values.model.bucket.region | quote }}}
- {name: AWS_DEFAULT_REGION, value: {{ .Values.model.bucket.region | quote }}}
- {name: AWS_SHARED_CREDENTIALS_FILE, value: /etc/bucket/credentials}
- {name: AWS_EC2_METADATA_DISABLED, value: "true"}
- {name: RUNAI_STREAMER_S3_USE_VIRTUAL_ADDRESSING, value: "0"}
{{- end }}
{{- include "vllm.trustEnvironment" . }}
{{- end }}

{{- /* Takes root and the chart's own variables, one a line; one that extraEnv names, too, is extraEnv's. */}}
{{- define "vllm.env" -}}
{{- $given := dict }}
{{- range .root.Values.extraEnv }}
{{- $_ := set $given .name true }}
{{- end }}
{{- range splitList "\n" .own }}
{{- if not (hasKey $given (trimPrefix "- {name: " . | splitList "," | first)) }}
{{ . }}
{{- end }}
{{- end }}
{{- with .root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* A container without a GPU that runs one of files/: all but its name, arguments and mounts. Takes root, file and
       resources. nvidia-cdi-hook, which a read-only root can stop, isn't called for it. */}}
{{- define "vllm.script" -}}
image: {{ include "vllm.image" .root | quote }}
imagePullPolicy: {{ include "vllm.pullPolicy" .root }}
command:
  - python3
  - -I
  {{- if .root.Values.scripts.configMap }}
  - /scripts/{{ .file }}.py
  {{- else }}
  {{- /* Without what only readers need: docstrings, comments, empty lines. */}}
  {{- $text := regexReplaceAll "(?ms)^ *\"\"\".*?\"\"\"\n" (.root.Files.Get (printf "files/%s.py" .file)) "" }}
  - -c
  - |
    {{- regexReplaceAll "(?m)^ *(#.*)?\n" $text "" | trim | nindent 4 }}
  {{- end }}
resources: {{ .resources | default dict | toRawJson }}
securityContext: {{ merge (dict "readOnlyRootFilesystem" true) (.root.Values.securityContext | default dict) | toRawJson }}
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

{{- define "vllm.scriptsMount" -}}
{{- if .Values.scripts.configMap }}
- {name: scripts, mountPath: /scripts, readOnly: true}
{{- end }}
{{- end }}

{{- define "vllm.scriptsVolume" -}}
{{- with .Values.scripts.configMap }}
- {name: scripts, configMap: {name: {{ . | quote }}}}
{{- end }}
{{- end }}

{{- /* A file from a Secret, readable by the pod's group: 288 is 0440. */}}
{{- define "vllm.secretVolume" -}}
- name: {{ .name }}
  secret: {secretName: {{ .from.secret | quote }}, defaultMode: 288, items: [{key: {{ .from.key | quote }}, path: {{ .file }}}]}
{{- end }}

{{- define "vllm.claimSpec" -}}
accessModes: [{{ ternary "ReadWriteMany" "ReadWriteOnce" (eq .Values.cache.kind "fss") }}]
{{- with .Values.cache.storageClassName }}
storageClassName: {{ . | quote }}
{{- end }}
resources: {requests: {storage: {{ .Values.cache.size | quote }}}}
{{- end }}
