{{- define "sallyport.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Prefix of all names. 40 characters leave room for the longest suffix within 63. */}}
{{- define "sallyport.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "sallyport.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels that select pods; immutable, so nothing that changes is among them. Takes a dict of root and component. */}}
{{- define "sallyport.selector" -}}
app.kubernetes.io/name: {{ include "sallyport.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "sallyport.labels" -}}
{{ include "sallyport.selector" . }}
app.kubernetes.io/part-of: sallyport
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "sallyport.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Values of a component laid over the defaults, as JSON. Takes a dict of root and component. */}}
{{- define "sallyport.values" -}}
{{- $own := index .root.Values (untitle (camelcase (replace "-" "_" .component))) | default dict -}}
{{- mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy $own) | toJson -}}
{{- end -}}

{{/* The services that this release runs, as a JSON list. */}}
{{- define "sallyport.services" -}}
{{- $names := list "model-proxy" "mcp-broker" "policy" "quarantine" "identity" "vault" "audit" "operator" "console" -}}
{{- if .Values.demo.enabled -}}{{- $names = append $names "demo" -}}{{- end -}}
{{- if .Values.toolServers.hosted.enabled -}}{{- $names = concat $names (list "mcp-host" "egress-proxy") -}}{{- end -}}
{{- $names | toJson -}}
{{- end -}}

{{- define "sallyport.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .uid }}
runAsGroup: {{ .uid }}
fsGroup: {{ .uid }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "sallyport.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "sallyport.scheduling" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "sallyport.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Where clients reach the gateway, without a slash at the end; empty: not known. */}}
{{- define "sallyport.publicUrl" -}}
{{- if .Values.publicUrl -}}
{{- .Values.publicUrl | trimSuffix "/" -}}
{{- else if and .Values.ingress.enabled .Values.ingress.host -}}
{{- printf "%s://%s" (ternary "https" "http" (ne .Values.ingress.tlsSecretName "")) .Values.ingress.host -}}
{{- end -}}
{{- end -}}

{{- define "sallyport.postgresHost" -}}
{{- if .Values.postgres.bundled.enabled -}}
{{ include "sallyport.fullname" . }}-postgres
{{- else -}}
{{ required "postgres.host is needed, or postgres.bundled.enabled for a trial" .Values.postgres.host }}
{{- end -}}
{{- end -}}

{{/* Secret and key of the URL that the migration Job connects with, as JSON. */}}
{{- define "sallyport.postgresAdmin" -}}
{{- if .Values.postgres.bundled.enabled -}}
{{- dict "secretName" (printf "%s-postgres-keys" (include "sallyport.fullname" .)) "key" "url" | toJson -}}
{{- else -}}
{{- $_ := required "postgres.admin.secretName is needed with an external database" .Values.postgres.admin.secretName -}}
{{- .Values.postgres.admin | toJson -}}
{{- end -}}
{{- end -}}

{{/* URL of Redis; empty: none. */}}
{{- define "sallyport.redisUrl" -}}
{{- if .Values.redis.bundled.enabled -}}
redis://{{ include "sallyport.fullname" . }}-redis:6379/0
{{- else -}}
{{ .Values.redis.url }}
{{- end -}}
{{- end -}}

{{/* Secret and key of the password of Redis, as JSON; without a name: none. */}}
{{- define "sallyport.redisPassword" -}}
{{- if .Values.redis.bundled.enabled -}}
{{- dict "name" (printf "%s-redis-keys" (include "sallyport.fullname" .)) "key" "password" | toJson -}}
{{- else -}}
{{- .Values.redis.passwordSecret | toJson -}}
{{- end -}}
{{- end -}}
