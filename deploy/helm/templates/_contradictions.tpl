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
{{- if or $redis.url $redis.urlSecret.name $redis.nodes -}}
{{- fail "store.redis names a server, and store.type is embedded: set store.type to redis, or leave store.redis out" -}}
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
{{- end -}}
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
{{- if and .Values.tls.clientCa.secret (eq .Values.tls.mode "none") -}}
{{- fail "tls.clientCa needs TLS, and tls.mode is none" -}}
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
{{- if and $store.persistence.existingClaim (not $store.persistence.enabled) -}}
{{- fail "store.persistence.existingClaim names a volume, and store.persistence.enabled is false: enable it, or leave the claim out" -}}
{{- end -}}
{{- if and (lt (int .Values.terminationGracePeriodSeconds) 30) (not (hasKey .Values.configuration "drain")) -}}
{{- fail "terminationGracePeriodSeconds is less than 30, and the service stops within 25 s: records would be lost. Give it longer, or a shorter configuration.drain.deadline" -}}
{{- end -}}
{{- if and (eq .Values.tls.mode "none") (not .Values.ingress.enabled) (not .Values.gateway.enabled) (not .Values.issuer) -}}
{{- fail "tls.mode is none, and nobody is in front: enable ingress or gateway, or say in issuer by which https URL workloads reach the service" -}}
{{- end -}}
{{- end -}}
