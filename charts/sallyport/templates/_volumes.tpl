{{- define "sallyport.volumes" -}}
{{- $fullname := include "sallyport.fullname" .root -}}
{{- $v := .root.Values -}}
- name: config
  configMap:
    name: {{ $fullname }}-{{ .component }}
- name: tmp
  emptyDir: {}
{{- if ne .component "demo" }}
- name: tls
  secret:
    secretName: {{ $fullname }}-{{ .component }}-tls
    defaultMode: 0440
    # Named one by one: the pod waits until all of them are there.
    items:
      - { key: tls.crt, path: tls.crt }
      - { key: tls.key, path: tls.key }
      - { key: ca.crt, path: ca.crt }
{{- end }}
{{- with include "sallyport.keysOf" . | fromJson }}
- name: keys
  secret:
    secretName: {{ $fullname }}-{{ $.component }}-keys
    defaultMode: 0440
    items:
      {{- range $key, $form := . }}
      - { key: {{ $key }}, path: {{ $key }} }
      {{- end }}
{{- end }}
{{- if and .clients $v.edge.declared }}
- name: edge
  secret:
    secretName: {{ required "edge.secretName is needed with edge.declared" $v.edge.secretName }}
    defaultMode: 0440
    items:
      - { key: tls.crt, path: tls.crt }
      - { key: tls.key, path: tls.key }
      - { key: ca.crt, path: ca.crt }
{{- end }}
{{- if .digest }}
- name: digest
  secret:
    secretName: {{ $fullname }}-digest-keys
    defaultMode: 0440
    items:
      - { key: digest-key, path: digest-key }
{{- end }}
{{- if .egress }}
- name: egress
  secret:
    secretName: {{ $fullname }}-egress-keys
    defaultMode: 0440
    items:
      - { key: egress-key, path: egress-key }
{{- end }}
{{- if eq .component "vault" }}
{{- $tokens := list }}
{{- range ((include "sallyport.values" . | fromJson).config | default dict).workloadIdentities }}
{{- $google := (.google | default dict).audience | default "" }}
{{- $audience := ternary "sts.amazonaws.com" (ternary "pods.eks.amazonaws.com" (ternary (printf "https:%s" $google) "api://AzureADTokenExchange" (hasKey . "google")) (hasKey . "awsPodIdentity")) (hasKey . "aws") }}
{{- if not .tokenFile }}
{{- $tokens = append $tokens (dict "serviceAccountToken" (dict "path" .name "audience" (.tokenAudience | default $audience) "expirationSeconds" 3600)) }}
{{- end }}
{{- end }}
{{- with $tokens }}
# Tokens of the pod's own for clouds; none of them is one for the API server.
- name: workload
  projected:
    defaultMode: 0440
    sources:
      {{- toYaml . | nindent 6 }}
{{- end }}
{{- end }}
{{- if and .database $v.postgres.caSecret.name (not $v.postgres.bundled.enabled) }}
- name: postgres-ca
  secret:
    secretName: {{ $v.postgres.caSecret.name }}
    items:
      - { key: {{ $v.postgres.caSecret.key | quote }}, path: ca.crt }
{{- end }}
{{- $password := include "sallyport.redisPassword" .root | fromJson }}
{{- $redisCa := and $v.redis.caSecret.name (not $v.redis.bundled.enabled) }}
{{- if and .redis (include "sallyport.redisUrl" .root) (or $password.name $redisCa) }}
- name: redis
  projected:
    defaultMode: 0440
    sources:
      {{- if $password.name }}
      - secret:
          name: {{ $password.name }}
          items:
            - { key: {{ $password.key | quote }}, path: password }
      {{- end }}
      {{- if $redisCa }}
      - secret:
          name: {{ $v.redis.caSecret.name }}
          items:
            - { key: {{ $v.redis.caSecret.key | quote }}, path: ca.crt }
      {{- end }}
{{- end }}
{{- range .given }}
- name: {{ .name }}
  secret:
    secretName: {{ .secret.name }}
    defaultMode: 0440
    items:
      - { key: {{ .secret.key | quote }}, path: {{ .path }} }
{{- end }}
{{- if .snapshot }}
- name: cache
  emptyDir:
    sizeLimit: 256Mi
{{- end }}
{{- if and .spool (not $v.spool.persistent) }}
- name: spool
  emptyDir:
    sizeLimit: {{ $v.spool.size }}
{{- end }}
{{- end -}}

{{- define "sallyport.mounts" -}}
{{- range $volume := include "sallyport.volumes" . | fromYamlArray }}
- name: {{ $volume.name }}
  {{- if eq $volume.name "tmp" }}
  mountPath: /tmp
  {{- else if eq $volume.name "cache" }}
  mountPath: /var/cache/sallyport
  {{- else if eq $volume.name "spool" }}
  mountPath: /var/lib/sallyport
  {{- else }}
  mountPath: /etc/sallyport/{{ $volume.name }}
  readOnly: true
  {{- end }}
{{- end }}
{{- if and .spool .root.Values.spool.persistent }}
- name: spool
  mountPath: /var/lib/sallyport
{{- end }}
{{- end -}}
