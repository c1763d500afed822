{{/* Values that cannot hold together, each refused with a sentence. */}}
{{- define "counterseal.contradictions" -}}
{{- $store := .Values.store -}}
{{- $redis := $store.redis -}}
{{- $policy := .Values.policy -}}
{{- if eq $store.type "embedded" -}}
{{- if .Values.autoscaling.enabled -}}
{{- fail "autoscaling.enabled needs a store that replicas share: set store.type to redis, or leave autoscaling out" -}}
{{- end -}}
{{- if gt (int .Values.replicas) 1 -}}
{{- fail (printf "replicas is %d, and the embedded store belongs to one: set store.type to redis, or replicas to 1" (int .Values.replicas)) -}}
{{- end -}}
{{- $secrets := or $redis.urlSecret.name $redis.passwordSecret.name $redis.sentinelPasswordSecret.name $redis.tls.secret -}}
{{- $names := or $redis.url $redis.nodes $redis.master $redis.username $redis.sentinelUsername -}}
{{- if or $names $secrets $redis.tls.enabled (ne $redis.mode "single") (ne $redis.prefix "counterseal") -}}
{{- fail "store.redis is set, and store.type is embedded: set store.type to redis, or leave store.redis out" -}}
{{- end -}}
{{- if .Values.networkPolicy.redis.to -}}
{{- fail "networkPolicy.redis.to names a Redis, and store.type is embedded: leave one of them out" -}}
{{- end -}}
{{- else -}}
{{- if $store.persistence.enabled -}}
{{- fail "store.persistence is for the embedded store, and store.type is redis: leave one of them out" -}}
{{- end -}}
{{- if eq $redis.mode "single" -}}
{{- if and $redis.url $redis.urlSecret.name -}}
{{- fail "store.redis.url and store.redis.urlSecret both say where Redis is: leave one of them out" -}}
{{- end -}}
{{- if not (or $redis.url $redis.urlSecret.name) -}}
{{- fail "store.type is redis: say where it is, in store.redis.url or store.redis.urlSecret.name" -}}
{{- end -}}
{{- if or $redis.nodes $redis.master -}}
{{- fail "store.redis.nodes and master are for the modes sentinel and cluster, and store.redis.mode is single" -}}
{{- end -}}
{{- else -}}
{{- if or $redis.url $redis.urlSecret.name -}}
{{- fail (printf "store.redis.url is for the mode single, and store.redis.mode is %s: write store.redis.nodes" $redis.mode) -}}
{{- end -}}
{{- if not $redis.nodes -}}
{{- fail (printf "store.redis.mode is %s: list HOST:PORT of its servers in store.redis.nodes" $redis.mode) -}}
{{- end -}}
{{- if and (eq $redis.mode "sentinel") (not $redis.master) -}}
{{- fail "store.redis.mode is sentinel: give the name of the primary in store.redis.master" -}}
{{- end -}}
{{- if and (eq $redis.mode "cluster") $redis.master -}}
{{- fail "store.redis.master is for the mode sentinel, and store.redis.mode is cluster" -}}
{{- end -}}
{{- end -}}
{{- if and (ne $redis.mode "sentinel") (or $redis.sentinelUsername $redis.sentinelPasswordSecret.name) -}}
{{- fail (printf "store.redis.sentinelUsername and sentinelPasswordSecret are for the mode sentinel, and store.redis.mode is %s" $redis.mode) -}}
{{- end -}}
{{- if ne (empty $redis.tls.cert) (empty $redis.tls.key) -}}
{{- fail "store.redis.tls.cert and store.redis.tls.key are of one client: name both, or neither" -}}
{{- end -}}
{{- end -}}
{{- include "counterseal.withoutEffect" . -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.replicas) 1) -}}
{{- fail "autoscaling decides on the replicas: leave replicas out, or autoscaling" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" -}}
{{- end -}}
{{- if and $policy.existingConfigMap (or $policy.resources $policy.conditions $policy.rules $policy.clients) -}}
{{- fail "policy.existingConfigMap holds the whole policy: leave policy.resources, conditions, rules and clients out, or the ConfigMap" -}}
{{- end -}}
{{- if and (eq .Values.tls.mode "secret") (not .Values.tls.secret) -}}
{{- fail "tls.mode is secret: name it in tls.secret" -}}
{{- end -}}
{{- if and .Values.tls.secret (ne .Values.tls.mode "secret") -}}
{{- fail (printf "tls.secret is for tls.mode secret, and tls.mode is %s" .Values.tls.mode) -}}
{{- end -}}
{{- if and (eq .Values.tls.mode "none") (or .Values.tls.clientCa.secret (ne .Values.tls.minVersion "TLSv1.3")) -}}
{{- fail "tls.clientCa and tls.minVersion need TLS, and tls.mode is none" -}}
{{- end -}}
{{- if and (ne .Values.tls.mode "certManager") .Values.tls.certManager.issuerRef.name -}}
{{- fail (printf "tls.certManager is for tls.mode certManager, and tls.mode is %s" .Values.tls.mode) -}}
{{- end -}}
{{- if and .Values.image.tag .Values.image.digest -}}
{{- fail "image.tag and image.digest both name the image: leave one of them out" -}}
{{- end -}}
{{- if and (eq .Values.tls.mode "certManager") (not .Values.tls.certManager.issuerRef.name) -}}
{{- fail "tls.mode is certManager: name the Issuer in tls.certManager.issuerRef.name" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- fail "ingress.enabled needs ingress.host: workloads reach the service by it" -}}
{{- end -}}
{{- if and .Values.gateway.enabled (or (not .Values.gateway.parentRefs) (not .Values.gateway.hostnames)) -}}
{{- fail "gateway.enabled needs gateway.parentRefs and gateway.hostnames" -}}
{{- end -}}
{{- if and .Values.ingress.enabled .Values.gateway.enabled -}}
{{- fail "ingress and gateway are both enabled: leave one of them out" -}}
{{- end -}}
{{- if and .Values.signing.remote (or .Values.signing.existingSecret .Values.signing.previousMasterKey) -}}
{{- fail "signing.remote has no keys of ours: leave signing.existingSecret and previousMasterKey out" -}}
{{- end -}}
{{- if and .Values.signing.remote (or (ne .Values.signing.rotateEvery "30d") (ne (join "," .Values.signing.algorithms) "ES256")) -}}
{{- fail "signing.remote is the whole section: leave signing.algorithms and rotateEvery out" -}}
{{- end -}}
{{- if and .Values.signing.previousMasterKey (not .Values.signing.existingSecret) -}}
{{- fail "signing.previousMasterKey needs a Secret of yours with both master keys: name it in signing.existingSecret" -}}
{{- end -}}
{{- if and .Values.extraCa.configMap .Values.extraCa.secret -}}
{{- fail "extraCa.configMap and extraCa.secret both name the authority: leave one of them out" -}}
{{- end -}}
{{- if and .Values.cluster.enabled (hasKey .Values.extraAttestors .Values.cluster.name) -}}
{{- fail (printf "extraAttestors.%s has the name of the attestor of this cluster: give one of them another" .Values.cluster.name) -}}
{{- end -}}
{{- if and .Values.cluster.enabled (or (hasKey .Values.cluster.options "api") (hasKey .Values.cluster.options "type")) -}}
{{- fail "cluster.options.api and type are set by the chart: put another cluster into extraAttestors" -}}
{{- end -}}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) -}}
{{- fail "serviceAccount.create is false: name the one that is there in serviceAccount.name" -}}
{{- end -}}
{{- range $key := keys .Values.configuration | sortAlpha -}}
{{- if has $key (list "issuer" "trustDomain" "environment" "region" "listen" "health" "store" "signing" "audit" "outbound" "attestors" "policy" "resources" "conditions" "rules" "clients") -}}
{{- fail (printf "configuration.%s has a value of its own in this chart: use that" $key) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled (eq $store.type "redis") (not .Values.networkPolicy.redis.to) -}}
{{- fail "networkPolicy.enabled cuts off what it does not name: say where Redis is in networkPolicy.redis.to" -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled .Values.serviceMonitor.enabled (not .Values.networkPolicy.metricsFrom) -}}
{{- fail "networkPolicy.enabled cuts Prometheus off: say where it is in networkPolicy.metricsFrom, or leave serviceMonitor out" -}}
{{- end -}}
{{- if and $store.persistence.existingClaim (or $store.persistence.storageClass (ne $store.persistence.size "1Gi")) -}}
{{- fail "store.persistence.existingClaim names a volume that is there: leave size and storageClass out" -}}
{{- end -}}
{{- if and .Values.prometheusRule.enabled (not .Values.serviceMonitor.enabled) (not .Values.prometheusRule.job) -}}
{{- fail "prometheusRule.enabled needs to know what Prometheus calls this release: enable serviceMonitor, or name the job in prometheusRule.job" -}}
{{- end -}}
{{- if and .Values.networkPolicy.apiServer.cidrs (not .Values.cluster.enabled) -}}
{{- fail "networkPolicy.apiServer is that of this cluster's attestor, and cluster.enabled is false: name other API servers in networkPolicy.egress" -}}
{{- end -}}
{{- $deadline := dig "drain" "deadline" "25s" .Values.configuration | toString -}}
{{- $grace := int .Values.terminationGracePeriodSeconds -}}
{{- if lt $grace (add 5 (include "counterseal.seconds" $deadline) | int) -}}
{{- fail (printf "terminationGracePeriodSeconds is %d, and the service stops within %s: records would be lost. Leave 5 s more than that, or set a shorter configuration.drain.deadline" $grace $deadline) -}}
{{- end -}}
{{- if and (eq .Values.tls.mode "none") (not .Values.ingress.enabled) (not .Values.gateway.enabled) (not .Values.issuer) -}}
{{- fail "tls.mode is none, and nobody is in front: enable ingress or gateway, or say in issuer by which https URL workloads reach the service" -}}
{{- end -}}
{{- end -}}

{{/* Values that would be ignored, as another is missing. What stands beside `enabled: false` is off as a whole, and not here. */}}
{{- define "counterseal.withoutEffect" -}}
{{- $redis := .Values.store.redis -}}
{{- $persistence := .Values.store.persistence -}}
{{- range list
  (list "tls.clientCa.key" (ne .Values.tls.clientCa.key "ca.crt") "tls.clientCa.secret" .Values.tls.clientCa.secret)
  (list "extraCa.key" (ne .Values.extraCa.key "ca.crt") "extraCa.configMap or extraCa.secret" (or .Values.extraCa.configMap .Values.extraCa.secret))
  (list "store.redis.urlSecret.key" (ne $redis.urlSecret.key "url") "store.redis.urlSecret.name" $redis.urlSecret.name)
  (list "store.redis.passwordSecret.key" (ne $redis.passwordSecret.key "password") "store.redis.passwordSecret.name" $redis.passwordSecret.name)
  (list "store.redis.sentinelPasswordSecret.key" (ne $redis.sentinelPasswordSecret.key "password") "store.redis.sentinelPasswordSecret.name" $redis.sentinelPasswordSecret.name)
  (list "store.redis.tls.ca" (ne $redis.tls.ca "ca.crt") "store.redis.tls.secret" $redis.tls.secret)
  (list "store.redis.tls.cert" $redis.tls.cert "store.redis.tls.secret" $redis.tls.secret)
  (list "store.redis.tls.key" $redis.tls.key "store.redis.tls.secret" $redis.tls.secret)
  (list "store.persistence.existingClaim" $persistence.existingClaim "store.persistence.enabled" $persistence.enabled)
  (list "store.persistence.storageClass" $persistence.storageClass "store.persistence.enabled" $persistence.enabled)
  (list "store.persistence.size" (ne $persistence.size "1Gi") "store.persistence.enabled" $persistence.enabled)
  (list "serviceAccount.annotations" .Values.serviceAccount.annotations "serviceAccount.create" .Values.serviceAccount.create)
-}}
{{- if and (index . 1) (not (index . 3)) -}}
{{- fail (printf "%s does nothing without %s: set that, too, or leave it out" (index . 0) (index . 2)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
