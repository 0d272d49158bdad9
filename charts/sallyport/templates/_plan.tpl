{{/* What the bootstrap fills, as JSON; its form is `Plan` in deploy/image/fill-secrets.ts. */}}
{{- define "sallyport.bootstrapPlan" -}}
{{- $fullname := include "sallyport.fullname" . -}}
{{- $secrets := dict -}}
{{- if .Values.secrets.generate -}}
{{- range $component, $own := dict "identity" (list "peppers") "vault" (list "master-keys") "audit" (list "seal-keys") "quarantine" (list "seal-keys") "policy" (list "seal-keys") "model-proxy" (list "seal-keys") "mcp-broker" list "console" (list "session-keys") -}}
{{- $_ := set $secrets (printf "%s-%s-keys" $fullname $component) (include "sallyport.keysOf" (dict "keys" $own "signingKeys" (eq $component "identity" | ternary (list "signing-keys") list) "texts" (and (eq $component "identity") $.Values.bootstrapAdmin.enabled | ternary (list "bootstrap-admin") list) "database" (ne $component "console")) | fromJson) -}}
{{- end -}}
{{- $_ := set $secrets (printf "%s-digest-keys" $fullname) (dict "digest-key" "text") -}}
{{- if .Values.toolServers.hosted.enabled -}}{{- $_ := set $secrets (printf "%s-egress-keys" $fullname) (dict "egress-key" "text") -}}{{- end -}}
{{- end -}}
{{- if .Values.postgres.bundled.enabled -}}
{{- $_ := set $secrets (printf "%s-postgres-keys" $fullname) (dict "password" "text" "url" (printf "from:postgresql://postgres:{password}@%s-postgres:%d/%s" $fullname (int .Values.postgres.port) .Values.postgres.database)) -}}
{{- end -}}
{{- if .Values.redis.bundled.enabled -}}
{{- $_ := set $secrets (printf "%s-redis-keys" $fullname) (dict "password" "text") -}}
{{- end -}}
{{- $plan := dict "secrets" $secrets -}}
{{- if eq .Values.certificates.mode "job" -}}
{{- $services := dict -}}
{{- range $component := without (include "sallyport.services" . | fromJsonArray) "demo" -}}
{{- $names := include "sallyport.certificateNames" (dict "root" $ "component" $component) | fromJsonArray -}}
{{- $_ := set $services $component (dict "secret" (printf "%s-%s-tls" $fullname $component) "names" $names) -}}
{{- end -}}
{{- $_ := set $plan "certificates" (dict "authority" (printf "%s-ca-tls" $fullname) "services" $services) -}}
{{- end -}}
{{- $plan | toJson -}}
{{- end -}}
