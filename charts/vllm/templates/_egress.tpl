{{- /* Names, then port 443 of public addresses and the networks and ports that are listed. Never 169.254.0.0/16:
       the instance's metadata service, and with it the node's identity, is there. */}}
{{- define "vllm.egress" -}}
{{- if or .internet .root.Values.networkPolicy.egress -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
    {{- range .root.Values.networkPolicy.dnsCidrs }}
    - ipBlock:
        cidr: {{ . | quote }}
    {{- end }}
  ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- if .internet }}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
  ports:
    - port: 443
      protocol: TCP
{{- end }}
{{- range .root.Values.networkPolicy.egress }}
- to:
    - ipBlock:
        cidr: {{ .cidr | quote }}
  ports:
    - port: {{ .port | default 443 | int64 }}
      protocol: TCP
{{- end }}
{{- end }}
{{- end }}

{{- /* Takes a list of namespaces. */}}
{{- define "vllm.namespaces" -}}
- namespaceSelector:
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: In
        values: {{ toRawJson . }}
{{- end }}
