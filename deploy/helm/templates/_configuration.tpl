{{/* counterseal.yaml, as a map. Files of secrets are those that _volumes.tpl mounts. */}}
{{- define "counterseal.configuration" -}}
{{- $listen := dict "host" "0.0.0.0" "port" 8080 "trustedProxies" .Values.trustedProxies -}}
{{- if ne .Values.tls.mode "none" -}}
{{- $tls := dict "cert" (dict "file" "/etc/counterseal/tls/tls.crt") "key" (dict "file" "/etc/counterseal/tls/tls.key") "minVersion" .Values.tls.minVersion -}}
{{- if .Values.tls.clientCa.secret -}}
{{- $_ := set $tls "clientCa" (dict "file" "/etc/counterseal/client-ca/ca.crt") -}}
{{- end -}}
{{- $_ := set $listen "tls" $tls -}}
{{- end -}}
{{- $attestors := deepCopy .Values.extraAttestors -}}
{{- if .Values.cluster.enabled -}}
{{- $cluster := merge (dict "type" "kubernetes" "api" "in-cluster") (deepCopy .Values.cluster.options) -}}
{{- $_ := set $attestors .Values.cluster.name $cluster -}}
{{- end -}}
{{- $outbound := deepCopy .Values.outbound -}}
{{- if or .Values.extraCa.configMap .Values.extraCa.secret -}}
{{- $_ := set $outbound "ca" (dict "file" "/etc/counterseal/extra-ca/ca.crt") -}}
{{- end -}}
{{- $own := dict
  "issuer" (include "counterseal.issuer" .)
  "trustDomain" .Values.trustDomain
  "environment" .Values.environment
  "listen" $listen
  "health" (dict "host" "0.0.0.0" "port" 9090)
  "store" (include "counterseal.store" . | fromYaml)
  "signing" (include "counterseal.signing" . | fromYaml)
  "audit" .Values.audit
  "outbound" $outbound
  "attestors" $attestors
  "policy" (dict "include" (list "/etc/counterseal/policy"))
-}}
{{- if .Values.region -}}
{{- $_ := set $own "region" .Values.region -}}
{{- end -}}
{{- merge $own (deepCopy .Values.configuration) | toYaml -}}
{{- end -}}

{{- define "counterseal.signing" -}}
{{- if .Values.signing.remote -}}
{{ .Values.signing.remote | toYaml }}
{{- else -}}
{{- $masterKey := dict "file" "/etc/counterseal/keys/master-key" -}}
{{- if .Values.signing.previousMasterKey -}}
{{- $_ := set $masterKey "previous" (dict "file" "/etc/counterseal/keys/previous-master-key") -}}
{{- end -}}
{{- dict
  "algorithms" .Values.signing.algorithms
  "rotateEvery" .Values.signing.rotateEvery
  "masterKey" $masterKey
  "firstKey" (dict "file" (printf "/etc/counterseal/keys/%s" (include "counterseal.firstKey" .))) | toYaml -}}
{{- end -}}
{{- end -}}

{{- define "counterseal.store" -}}
{{- if eq .Values.store.type "embedded" -}}
type: embedded
path: /var/lib/counterseal/store
{{- else -}}
{{- $redis := .Values.store.redis -}}
{{- $store := dict "type" "redis" "mode" $redis.mode "prefix" $redis.prefix -}}
{{- if $redis.url -}}{{- $_ := set $store "url" $redis.url -}}{{- end -}}
{{- if $redis.urlSecret.name -}}{{- $_ := set $store "url" (dict "file" "/etc/counterseal/redis-url/url") -}}{{- end -}}
{{- if $redis.nodes -}}{{- $_ := set $store "nodes" $redis.nodes -}}{{- end -}}
{{- if $redis.master -}}{{- $_ := set $store "master" $redis.master -}}{{- end -}}
{{- if $redis.username -}}{{- $_ := set $store "username" $redis.username -}}{{- end -}}
{{- if $redis.passwordSecret.name -}}{{- $_ := set $store "password" (dict "file" "/etc/counterseal/redis-password/password") -}}{{- end -}}
{{- if $redis.sentinelUsername -}}{{- $_ := set $store "sentinelUsername" $redis.sentinelUsername -}}{{- end -}}
{{- if $redis.sentinelPasswordSecret.name -}}{{- $_ := set $store "sentinelPassword" (dict "file" "/etc/counterseal/sentinel-password/password") -}}{{- end -}}
{{- if or $redis.tls.enabled $redis.tls.secret -}}
{{- $tls := dict -}}
{{- if $redis.tls.secret -}}
{{- range $key := list "ca" "cert" "key" -}}
{{- with get $redis.tls $key -}}{{- $_ := set $tls $key (dict "file" (printf "/etc/counterseal/redis-tls/%s" .)) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $store "tls" $tls -}}
{{- end -}}
{{ $store | toYaml }}
{{- end -}}
{{- end -}}
