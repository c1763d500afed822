{{- define "counterseal.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 48 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "counterseal.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "counterseal.labels" -}}
{{ include "counterseal.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "counterseal.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "counterseal.serviceAccountName" -}}
{{- default (include "counterseal.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "counterseal.host" -}}
{{ include "counterseal.fullname" . }}.{{ .Release.Namespace }}.svc
{{- end -}}

{{- define "counterseal.issuer" -}}
{{- if .Values.issuer -}}
{{ .Values.issuer }}
{{- else if .Values.ingress.enabled -}}
https://{{ .Values.ingress.host }}
{{- else if .Values.gateway.enabled -}}
https://{{ first .Values.gateway.hostnames }}
{{- else -}}
https://{{ include "counterseal.host" . }}
{{- end -}}
{{- end -}}

{{/* Where pods of the cluster reach the service, whatever its issuer is. */}}
{{- define "counterseal.url" -}}
{{ ternary "http" "https" (eq .Values.tls.mode "none") }}://{{ include "counterseal.host" . }}
{{- end -}}

{{- define "counterseal.tlsSecret" -}}
{{- if eq .Values.tls.mode "secret" -}}
{{ .Values.tls.secret }}
{{- else -}}
{{ include "counterseal.fullname" . }}-tls
{{- end -}}
{{- end -}}

{{/* Names of the certificate that the chart makes, or asks cert-manager for. */}}
{{- define "counterseal.dnsNames" -}}
{{- $name := include "counterseal.fullname" . -}}
{{- $host := include "counterseal.host" . -}}
{{- $issuer := get (urlParse (include "counterseal.issuer" .)) "hostname" -}}
{{- list $name (printf "%s.%s" $name .Release.Namespace) $host (printf "%s.cluster.local" $host) $issuer | uniq | toJson -}}
{{- end -}}

{{- define "counterseal.keysSecret" -}}
{{- default (printf "%s-keys" (include "counterseal.fullname" .)) .Values.signing.existingSecret -}}
{{- end -}}

{{/* The file in that Secret. Of ours there is one for each algorithm. */}}
{{- define "counterseal.firstKey" -}}
{{- ternary "first-key.pem" (printf "first-key-%s.pem" (first .Values.signing.algorithms)) (not (empty .Values.signing.existingSecret)) -}}
{{- end -}}

{{- define "counterseal.policyConfigMap" -}}
{{- default (printf "%s-policy" (include "counterseal.fullname" .)) .Values.policy.existingConfigMap -}}
{{- end -}}

{{/* Empty: one replica and no more. */}}
{{- define "counterseal.isReplicated" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) -}}true{{- end -}}
{{- end -}}

{{- define "counterseal.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "counterseal.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* Of a duration such as 90s, 10m, 25h or 30d. What is none is refused by the service. */}}
{{- define "counterseal.seconds" -}}
{{- $units := dict "s" 1 "m" 60 "h" 3600 "d" 86400 -}}
{{- mul (regexFind "^[0-9]+" .) (get $units (regexFind "(ms|[smhd])$" .) | default 0) -}}
{{- end -}}
