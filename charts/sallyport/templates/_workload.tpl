{{/*
What a service consists of. Each takes a dict: root, component, and what it has: http, clients (of the gateway call it), grpc, database, spool, snapshot
(keeps the last one in a file), keys and signingKeys (its own generated files), digest (the key shared by the two gates), egress (that of credentials for the egress proxy), proxy (listens for hosted servers), single (never two pods), redis, token,
given (files of Secrets that somebody else keeps: a list of name, which is the folder, secret {name, key} and path).
*/}}

{{/* Deployment, or StatefulSet where each pod has a spool of its own. */}}
{{- define "sallyport.workload" -}}
{{- $fullname := include "sallyport.fullname" .root -}}
{{- $values := include "sallyport.values" . | fromJson -}}
{{- $v := .root.Values -}}
apiVersion: apps/v1
kind: {{ ternary "StatefulSet" "Deployment" (.spool | default false) }}
metadata:
  name: {{ $fullname }}-{{ .component }}
  labels:
    {{- include "sallyport.labels" . | nindent 4 }}
spec:
  {{- if not $values.autoscaling.enabled }}
  replicas: {{ ternary 1 $values.replicas (.single | default false) }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "sallyport.selector" . | nindent 6 }}
  {{- if .spool }}
  serviceName: {{ $fullname }}-{{ .component }}-grpc
  podManagementPolicy: Parallel
  {{- if $v.spool.persistent }}
  # A pod empties its spool before it ends; what a smaller replica count leaves behind waits for the pod to come back.
  persistentVolumeClaimRetentionPolicy: { whenDeleted: Delete, whenScaled: Retain }
  volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        name: spool
        labels:
          {{- include "sallyport.selector" . | nindent 10 }}
      spec:
        accessModes: [ReadWriteOnce]
        {{- with $v.spool.storageClassName }}
        storageClassName: {{ . }}
        {{- end }}
        resources:
          requests:
            storage: {{ $v.spool.size }}
  {{- end }}
  {{- else }}
  strategy:
    {{- if .single }}
    type: Recreate
    {{- else }}
    type: RollingUpdate
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
    {{- end }}
  {{- end }}
  template:
    {{- include "sallyport.podTemplate" . | nindent 4 }}
{{- end -}}
