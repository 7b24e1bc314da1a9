{{- /* DNS, port 443 of public addresses, and the networks and ports that are listed. Never the link-local addresses: the
       instance's metadata service, and with it the node's identity, is there. Takes root and internet (true or empty). */}}
{{- define "vllm.egress" -}}
{{- $policy := .root.Values.networkPolicy }}
{{- if or .internet $policy.egress $policy.extraEgress }}
- to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
    {{- range $policy.dnsCidrs }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end }}
{{- if .internet }}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
    - ipBlock:
        cidr: ::/0
        except: [fc00::/7, fe80::/10]
  ports: [{port: 443, protocol: TCP}]
{{- end }}
{{- range $policy.egress }}
- to: [{ipBlock: {cidr: {{ .cidr | quote }}}}]
  ports: [{port: {{ .port | default 443 | int64 }}, protocol: TCP}]
{{- end }}
{{- with $policy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
