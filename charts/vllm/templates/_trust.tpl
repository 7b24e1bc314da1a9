{{- /* Certificate authorities of one's own are trusted: true or empty. */}}
{{- define "vllm.trusts" -}}
{{- if or .Values.ca.configMap .Values.ca.secret }}true{{ end }}
{{- end }}

{{- /* The one file of all authorities, as the libraries of Python, curl and AWS are told of it. */}}
{{- define "vllm.trustEnvironment" -}}
{{- if include "vllm.trusts" . }}
{{- range list "SSL_CERT_FILE" "REQUESTS_CA_BUNDLE" "CURL_CA_BUNDLE" "AWS_CA_BUNDLE" }}
- {name: {{ . }}, value: /etc/trust/ca.crt}
{{- end }}
{{- end }}
{{- end }}

{{- define "vllm.trustMount" -}}
{{- if include "vllm.trusts" . }}
- {name: trust, mountPath: /etc/trust, readOnly: true}
{{- end }}
{{- end }}

{{- /* The init container that writes that file. */}}
{{- define "vllm.trustContainer" -}}
{{- if include "vllm.trusts" . }}
- name: trust
  {{- include "vllm.script" (dict "root" . "file" "trust" "resources" .Values.init.resources) | nindent 2 }}
  args: [/etc/ca/ca.crt, /etc/trust/ca.crt]
  volumeMounts:
    - {name: ca, mountPath: /etc/ca, readOnly: true}
    - {name: trust, mountPath: /etc/trust}
    {{- include "vllm.scriptsMount" . | indent 4 }}
{{- end }}
{{- end }}

{{- define "vllm.trustVolumes" -}}
{{- if include "vllm.trusts" . }}
{{- $items := list (dict "key" .Values.ca.key "path" "ca.crt") }}
- name: ca
  {{- if .Values.ca.secret }}
  {{- toYaml (dict "secret" (dict "secretName" .Values.ca.secret "items" $items)) | nindent 2 }}
  {{- else }}
  {{- toYaml (dict "configMap" (dict "name" .Values.ca.configMap "items" $items)) | nindent 2 }}
  {{- end }}
- name: trust
  emptyDir:
    sizeLimit: 4Mi
{{- end }}
{{- end }}
