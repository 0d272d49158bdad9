{{/* ServiceAccount, Secrets to be filled, PodDisruptionBudget, HorizontalPodAutoscaler, ServiceMonitor. */}}
{{- define "sallyport.accompaniment" -}}
{{- $fullname := include "sallyport.fullname" .root }}
{{- $values := include "sallyport.values" . | fromJson }}
{{- $v := .root.Values }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $fullname }}-{{ .component }}
  labels:
    {{- include "sallyport.labels" . | nindent 4 }}
  {{- with $v.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- if and $v.secrets.generate (include "sallyport.keysOf" . | fromJson) }}
---
{{ include "sallyport.emptySecret" (dict "root" .root "component" .component "suffix" "keys" "keep" (not $v.postgres.bundled.enabled)) }}
{{- end }}
{{- if and (eq $v.certificates.mode "job") (ne .component "demo") }}
---
{{ include "sallyport.emptySecret" (dict "root" .root "component" .component "suffix" "tls" "keep" false) }}
{{- end }}
{{- if and (eq $v.certificates.mode "cert-manager") (ne .component "demo") }}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ $fullname }}-{{ .component }}
  labels:
    {{- include "sallyport.labels" . | nindent 4 }}
spec:
  secretName: {{ $fullname }}-{{ .component }}-tls
  # No resource may refer to what is marked so.
  secretTemplate:
    labels:
      app.kubernetes.io/part-of: sallyport
  dnsNames:
    {{- prepend (include "sallyport.certificateNames" . | fromJsonArray) .component | toYaml | nindent 4 }}
  usages: [digital signature, server auth, client auth]
  privateKey: { algorithm: ECDSA, size: 256, rotationPolicy: Always }
  issuerRef:
    {{- $_ := required "certificates.issuerRef.name is needed with certificates.mode cert-manager" $v.certificates.issuerRef.name }}
    {{- toYaml $v.certificates.issuerRef | nindent 4 }}
{{- end }}
{{- if or (gt (int $values.replicas) 1) $values.autoscaling.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $fullname }}-{{ .component }}
  labels:
    {{- include "sallyport.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "sallyport.selector" . | nindent 6 }}
{{- end }}
{{- if $values.autoscaling.enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $fullname }}-{{ .component }}
  labels:
    {{- include "sallyport.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: {{ ternary "StatefulSet" "Deployment" (.spool | default false) }}
    name: {{ $fullname }}-{{ .component }}
  minReplicas: {{ $values.autoscaling.minReplicas }}
  maxReplicas: {{ $values.autoscaling.maxReplicas }}
  # Streams last: growing is cheap, shrinking ends them.
  behavior:
    scaleDown: { stabilizationWindowSeconds: 300, policies: [{ type: Pods, value: 1, periodSeconds: 60 }] }
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: { type: Utilization, averageUtilization: {{ $values.autoscaling.targetCPUUtilizationPercentage }} }
{{- end }}
{{- if $v.serviceMonitor.enabled }}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ $fullname }}-{{ .component }}
  labels:
    {{- include "sallyport.labels" . | nindent 4 }}
    {{- with $v.serviceMonitor.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "sallyport.selector" . | nindent 6 }}
  endpoints:
    - { port: admin, path: /metrics, interval: {{ $v.serviceMonitor.interval }} }
{{- end }}
{{- end -}}
