{{/* What the service reads and writes: a list of { name, mountPath, volume }. Whole folders, so that changes arrive. */}}
{{- define "counterseal.mounts" -}}
{{- $name := include "counterseal.fullname" . -}}
{{- $redis := .Values.store.redis -}}
- { name: config, mountPath: /etc/counterseal/config, volume: { configMap: { name: {{ $name }} } } }
- { name: policy, mountPath: /etc/counterseal/policy, volume: { configMap: { name: {{ include "counterseal.policyConfigMap" . }} } } }
{{- if not .Values.signing.remote }}
- { name: keys, mountPath: /etc/counterseal/keys, volume: { secret: { secretName: {{ include "counterseal.keysSecret" . }}, defaultMode: 0440 } } }
{{- end }}
{{- if ne .Values.tls.mode "none" }}
- { name: tls, mountPath: /etc/counterseal/tls, volume: { secret: { secretName: {{ include "counterseal.tlsSecret" . }}, defaultMode: 0440 } } }
{{- end }}
{{- with .Values.tls.clientCa }}{{- if .secret }}
- { name: client-ca, mountPath: /etc/counterseal/client-ca, volume: { secret: { secretName: {{ .secret }}, items: [{ key: {{ .key }}, path: ca.crt }] } } }
{{- end }}{{- end }}
{{- with .Values.extraCa }}
{{- if .configMap }}
- { name: extra-ca, mountPath: /etc/counterseal/extra-ca, volume: { configMap: { name: {{ .configMap }}, items: [{ key: {{ .key }}, path: ca.crt }] } } }
{{- else if .secret }}
- { name: extra-ca, mountPath: /etc/counterseal/extra-ca, volume: { secret: { secretName: {{ .secret }}, items: [{ key: {{ .key }}, path: ca.crt }] } } }
{{- end }}
{{- end }}
{{- if eq .Values.store.type "redis" }}
{{- with $redis.urlSecret }}{{- if .name }}
- { name: redis-url, mountPath: /etc/counterseal/redis-url, volume: { secret: { secretName: {{ .name }}, defaultMode: 0440, items: [{ key: {{ .key }}, path: url }] } } }
{{- end }}{{- end }}
{{- with $redis.passwordSecret }}{{- if .name }}
- { name: redis-password, mountPath: /etc/counterseal/redis-password, volume: { secret: { secretName: {{ .name }}, defaultMode: 0440, items: [{ key: {{ .key }}, path: password }] } } }
{{- end }}{{- end }}
{{- with $redis.sentinelPasswordSecret }}{{- if .name }}
- { name: sentinel-password, mountPath: /etc/counterseal/sentinel-password, volume: { secret: { secretName: {{ .name }}, defaultMode: 0440, items: [{ key: {{ .key }}, path: password }] } } }
{{- end }}{{- end }}
{{- with $redis.tls }}{{- if .secret }}
- { name: redis-tls, mountPath: /etc/counterseal/redis-tls, volume: { secret: { secretName: {{ .secret }}, defaultMode: 0440 } } }
{{- end }}{{- end }}
{{- end }}
{{- if .Values.cluster.enabled }}
- name: api-access
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  volume:
    projected:
      defaultMode: 0440
      sources:
        - serviceAccountToken: { path: token, expirationSeconds: 3607 }
        - configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
        - downwardAPI: { items: [{ path: namespace, fieldRef: { apiVersion: v1, fieldPath: metadata.namespace } }] }
{{- end }}
{{- end -}}

{{- define "counterseal.volumeMounts" -}}
{{- range include "counterseal.mounts" . | fromYamlArray }}
- { name: {{ .name }}, mountPath: {{ .mountPath }}, readOnly: true }
{{- end }}
- { name: data, mountPath: /var/lib/counterseal }
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "counterseal.volumes" -}}
{{- range include "counterseal.mounts" . | fromYamlArray }}
- {{ merge (dict "name" .name) .volume | toYaml | nindent 2 | trim }}
{{- end }}
- name: data
{{- with .Values.store.persistence }}
{{- if .enabled }}
  persistentVolumeClaim: { claimName: {{ default (printf "%s-data" (include "counterseal.fullname" $)) .existingClaim }} }
{{- else }}
  emptyDir: {}
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
