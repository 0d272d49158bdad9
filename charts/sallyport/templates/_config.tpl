{{- define "sallyport.hash" -}}
{{- . | sha256sum | trunc 10 -}}
{{- end -}}

{{/* The config that every service starts with; the template of a service adds its own. */}}
{{- define "sallyport.config" -}}
{{- $fullname := include "sallyport.fullname" .root -}}
{{- $v := .root.Values -}}
{{- $listen := $v.listenHost -}}
{{- $config := dict "log" (dict "level" $v.log.level) "drain" $v.drain "admin" (dict "host" $listen "port" 9090) -}}
{{- if .http }}{{- $_ := set $config "http" (dict "host" $listen "port" 8080) -}}{{- end -}}
{{- if or .clients (eq .component "identity") -}}
{{- $_ := set $config "trustedProxies" $v.trustedProxies -}}
{{- $_ := set $config "forwardedHeader" $v.forwardedHeader -}}
{{- end -}}
{{- if .clients }}
{{- if $v.edge.declared -}}
{{- $files := dict "certFile" "/etc/sallyport/edge/tls.crt" "keyFile" "/etc/sallyport/edge/tls.key" "caFile" "/etc/sallyport/edge/ca.crt" -}}
{{- $declared := list -}}
{{- range $v.edge.declared }}{{- $declared = append $declared (pick . "san" "headers") -}}{{- end -}}
{{- $_ := set $config "edge" (dict "listen" (dict "host" $listen "port" 8443) "tls" $files "declared" $declared) -}}
{{- end -}}
{{- end -}}
{{- if .grpc }}{{- $_ := set $config "grpc" (dict "host" $listen "port" 9000) -}}{{- end -}}
{{- if ne .component "demo" -}}
{{- $_ := set $config "tls" (dict "certFile" "/etc/sallyport/tls/tls.crt" "keyFile" "/etc/sallyport/tls/tls.key" "caFile" "/etc/sallyport/tls/ca.crt") -}}
{{- if $v.tracing.endpoint }}{{- $_ := set $config "tracing" (dict "endpoint" $v.tracing.endpoint "ratio" $v.tracing.ratio) -}}{{- end -}}
{{- end -}}
{{- $peers := dict -}}
{{- $component := .component -}}
{{- $namespace := .root.Release.Namespace -}}
{{- range (.root.Files.Get "files/edges.yaml" | fromYaml).edges -}}
{{- if and (eq .from $component) (eq (.port | default "") "grpc") -}}
{{- $_ := set $peers .to (printf "dns:///%s-%s-grpc.%s.svc:9000" $fullname .to $namespace) -}}
{{- end -}}
{{- end -}}
{{- if $peers }}{{- $_ := set $config "peers" $peers -}}{{- end -}}
{{- if .database -}}
{{- $postgres := dict "host" (include "sallyport.postgresHost" .root) "port" (int $v.postgres.port) "database" $v.postgres.database -}}
{{- $_ := set $postgres "user" (printf "sallyport_%s" (replace "-" "_" .component)) -}}
{{- $_ := set $postgres "passwordFile" "/etc/sallyport/keys/postgres-password" -}}
{{- if and $v.postgres.caSecret.name (not $v.postgres.bundled.enabled) }}{{- $_ := set $postgres "caFile" "/etc/sallyport/postgres-ca/ca.crt" -}}{{- end -}}
{{- $_ := set $config "postgres" $postgres -}}
{{- end -}}
{{- $url := include "sallyport.redisUrl" .root -}}
{{- if and .redis $url -}}
{{- $redis := dict "url" $url -}}
{{- if (include "sallyport.redisPassword" .root | fromJson).name }}{{- $_ := set $redis "passwordFile" "/etc/sallyport/redis/password" -}}{{- end -}}
{{- if and $v.redis.caSecret.name (not $v.redis.bundled.enabled) }}{{- $_ := set $redis "caFile" "/etc/sallyport/redis/ca.crt" -}}{{- end -}}
{{- $_ := set $config "redis" $redis -}}
{{- end -}}
{{- if .spool }}{{- $_ := set $config "spoolDir" "/var/lib/sallyport/spool" -}}{{- end -}}
{{- if .snapshot }}{{- $_ := set $config "snapshotCacheFile" "/var/cache/sallyport/snapshot.json" -}}{{- end -}}
{{- if .proxy }}{{- $_ := set $config "proxy" (dict "host" $listen "port" 3128) -}}{{- end -}}
{{- if .digest }}{{- $_ := set $config "digestKeyFile" "/etc/sallyport/digest/digest-key" -}}{{- end -}}
{{- mergeOverwrite $config (.own | default dict) ((include "sallyport.values" . | fromJson).config | default dict) | toYaml -}}
{{- end -}}

{{- define "sallyport.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "sallyport.fullname" .root }}-{{ .component }}
  labels:
    {{- include "sallyport.labels" . | nindent 4 }}
data:
  config.yaml: |
    {{- include "sallyport.config" . | nindent 4 }}
{{- end -}}
