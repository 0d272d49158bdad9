{{/* Files of a service's Secret and what they look like, as JSON: the bootstrap fills them, the pod mounts them. */}}
{{- define "sallyport.keysOf" -}}
{{- $forms := dict -}}
{{- range .keys }}{{- $_ := set $forms . "keys" -}}{{- end -}}
{{- range .signingKeys }}{{- $_ := set $forms . "signing-keys" -}}{{- end -}}
{{- range .texts }}{{- $_ := set $forms . "text" -}}{{- end -}}
{{- if .database }}{{- $_ := set $forms "postgres-password" "text" -}}{{- end -}}
{{- $forms | toJson -}}
{{- end -}}

{{/* A Secret without data: the bootstrap Job fills it, Helm never looks at its content, and it goes with the release. */}}
{{- define "sallyport.emptySecret" -}}
apiVersion: v1
kind: Secret
metadata:
  name: {{ include "sallyport.fullname" .root }}-{{ .component }}-{{ .suffix }}
  labels:
    {{- include "sallyport.labels" . | nindent 4 }}
  {{- if .keep }}
  annotations:
    # The database that these keys open is not ours to take away, so neither are they.
    helm.sh/resource-policy: keep
  {{- end }}
type: Opaque
{{- end -}}
