{{- /* A container without a GPU that runs one of files/: all but its name, arguments and other mounts. Takes root, file
       and resources. */}}
{{- define "vllm.script" -}}
image: {{ include "vllm.image" .root | quote }}
imagePullPolicy: {{ include "vllm.pullPolicy" .root }}
command:
  - python3
  - -I
  {{- if .root.Values.scripts.configMap }}
  - /scripts/{{ .file }}.py
  {{- else }}
  - -c
  - |
    {{- include "vllm.code" . | nindent 4 }}
  {{- end }}
resources:
  {{- toYaml .resources | nindent 2 }}
securityContext:
  {{- include "vllm.readOnlyContext" .root | nindent 2 }}
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

{{- /* Where the script is, unless it stands in the container. */}}
{{- define "vllm.scriptsMount" -}}
{{- if .Values.scripts.configMap }}
- {name: scripts, mountPath: /scripts, readOnly: true}
{{- end }}
{{- end }}

{{- define "vllm.scriptsVolume" -}}
{{- with .Values.scripts.configMap }}
- name: scripts
  configMap:
    name: {{ . | quote }}
{{- end }}
{{- end }}

{{- /* A file of Python without what only its readers need: docstrings, comments, empty lines. Takes root and file. */}}
{{- define "vllm.code" -}}
{{- $text := .root.Files.Get (printf "files/%s.py" .file) }}
{{- $text = regexReplaceAll "(?ms)^ *\"\"\".*?\"\"\"\n" $text "" }}
{{- regexReplaceAll "(?m)^ *(#.*)?\n" $text "" | trim }}
{{- end }}
