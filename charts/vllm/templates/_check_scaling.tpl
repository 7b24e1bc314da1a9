{{- define "vllm.checkScaling" }}
{{- with .Values.scaling }}
{{- if .enabled }}
{{- if gt (int64 .min) (int64 .max) }}
scaling.min: {{ .min }} is more than scaling.max, {{ .max }}
{{- end }}
{{- if lt (int64 .max) 1 }}
scaling.max: at least 1
{{- end }}
{{- if and (eq (int64 .min) 0) (ne .signal "upstream") }}
scaling.min: 0 needs scaling.signal upstream; vLLM's own metrics end with the last pod, and nothing would start the first one again
{{- end }}
{{- if and (eq .signal "upstream") (not .upstream.query) }}
scaling.upstream.query: signal upstream needs a query
{{- end }}
{{- if and .min (eq .signal "upstream") (regexMatch "(?i)\\bor\\s+(on\\s*\\([^)]*\\)\\s*)?vector\\s*\\(" .upstream.query) }}
scaling.upstream.query: "or vector(…)" is for scaling.min 0; with {{ .min }} pods a lost metric would look like no load and take pods away, without it KEDA holds their number
{{- end }}
{{- if and $.Values.podMonitor.enabled (has .signal (list "ttft" "composite")) (lt (int64 .ttft.windowSeconds) (mul 4 $.Values.podMonitor.intervalSeconds)) }}
scaling.ttft.windowSeconds: {{ .ttft.windowSeconds }} is less than four times podMonitor.intervalSeconds, {{ $.Values.podMonitor.intervalSeconds }}; a rate over fewer scrapes has no value, and would be taken for no load
{{- end }}
{{- range $key, $seconds := dict "cooldownSeconds" .cooldownSeconds "down.stabilizationSeconds" .down.stabilizationSeconds }}
{{- if and $seconds (lt (int64 $seconds) 60) }}
scaling.{{ $key }}: at least 60, or 0 for the computed time
{{- end }}
{{- end }}
{{- if and (ne .prometheus.auth.mode "none") (not .prometheus.auth.secret) }}
scaling.prometheus.auth.secret: mode {{ .prometheus.auth.mode }} needs the Secret
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "vllm.checkExpose" }}
{{- if and .Values.httpRoute.enabled (not (and .Values.httpRoute.parentRefs .Values.httpRoute.hostnames)) }}
httpRoute: needs a Gateway in parentRefs and a name in hostnames
{{- end }}
{{- $route := .Values.httpRoute }}
{{- if and $route.enabled (gt (int64 $route.timeoutSeconds) (int64 .Values.drain.shutdownSeconds)) }}
httpRoute.timeoutSeconds: a request may take {{ $route.timeoutSeconds }} s, and a pod that ends cuts it after drain.shutdownSeconds, {{ .Values.drain.shutdownSeconds }} s; raise that, or lower this
{{- end }}
{{- $open := or (not .Values.networkPolicy.enabled) .Values.networkPolicy.clientNamespaces }}
{{- if and (or $route.enabled .Values.ingress.enabled) (not $open) }}
networkPolicy.clientNamespaces: the policy would keep every request of the {{ ternary "httpRoute" "ingress" $route.enabled }} out; name the namespace of the gateway's pods
{{- end }}
{{- if .Values.ingress.enabled }}
{{- if not .Values.ingress.host }}
ingress.host: needs a host name
{{- end }}
{{- if not (or .Values.ingress.tlsSecret .Values.ingress.plainHttp) }}
ingress.tlsSecret: needs a certificate; ingress.plainHttp allows to go without
{{- end }}
{{- end }}
{{- end }}
