{{- /* Value of app.kubernetes.io/name. As a subchart, .Chart.Name is the alias. */}}
{{- define "vllm.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 54 | trimSuffix "-" }}
{{- end }}

{{- /* Name of every object; helm create's rule where fullnameOverride is empty, but 46 characters: Kubernetes cuts what
       is before a pod's last five letters to 58, and eleven of them are the ReplicaSet's. Alerts find pods by their name. */}}
{{- define "vllm.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 46 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 46 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "vllm.serviceAccountName" -}}
{{- default (ternary (include "vllm.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "vllm.image" -}}
{{- printf "%s:%s" .Values.image.repository .Values.image.tag }}
{{- with .Values.image.digest }}{{ printf "@%s" . }}{{ end }}
{{- end }}

{{- /* What clients ask for, and the model_name of every metric. */}}
{{- define "vllm.servedName" -}}
{{- default (include "vllm.fullname" .) .Values.model.servedName }}
{{- end }}
