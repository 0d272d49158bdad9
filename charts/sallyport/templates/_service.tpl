{{/*
What a service consists of. Each takes a dict: root, component, and what it has: http, grpc, database, spool, snapshot
(keeps the last one in a file), keys and signingKeys (its own generated files), digest (the key shared by the two gates), redis, token.
*/}}

{{- define "sallyport.hash" -}}
{{- . | sha256sum | trunc 10 -}}
{{- end -}}

{{/* Files of a service's Secret and what they look like, as JSON: the bootstrap fills them, the pod mounts them. */}}
{{- define "sallyport.keysOf" -}}
{{- $forms := dict -}}
{{- range .keys }}{{- $_ := set $forms . "keys" -}}{{- end -}}
{{- range .signingKeys }}{{- $_ := set $forms . "signing-keys" -}}{{- end -}}
{{- range .texts }}{{- $_ := set $forms . "text" -}}{{- end -}}
{{- if .database }}{{- $_ := set $forms "postgres-password" "text" -}}{{- end -}}
{{- $forms | toJson -}}
{{- end -}}

{{/* The config that every service starts with; the template of a service adds its own. */}}
{{- define "sallyport.config" -}}
{{- $fullname := include "sallyport.fullname" .root -}}
{{- $v := .root.Values -}}
{{- $listen := $v.listenHost -}}
{{- $config := dict "log" (dict "level" $v.log.level) "drain" $v.drain "admin" (dict "host" $listen "port" 9090) -}}
{{- if .http }}{{- $_ := set $config "http" (dict "host" $listen "port" 8080) -}}{{- end -}}
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
{{- if .digest }}
- name: digest
  secret:
    secretName: {{ $fullname }}-digest-keys
    defaultMode: 0440
    items:
      - { key: digest-key, path: digest-key }
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

{{- define "sallyport.podTemplate" -}}
{{- $fullname := include "sallyport.fullname" .root -}}
{{- $values := include "sallyport.values" . | fromJson -}}
{{- $v := .root.Values -}}
metadata:
  labels:
    {{- mergeOverwrite (dict) $values.podLabels (include "sallyport.labels" . | fromYaml) | toYaml | nindent 4 }}
  annotations:
    checksum/config: {{ include "sallyport.hash" (include "sallyport.config" .) | quote }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ $fullname }}-{{ .component }}
  automountServiceAccountToken: {{ .token | default false }}
  enableServiceLinks: false
  {{- include "sallyport.pullSecrets" .root | nindent 2 }}
  # Drain, grace, and what is flushed after it.
  terminationGracePeriodSeconds: {{ add (int $v.drain.delaySeconds) (int $v.drain.graceSeconds) 10 }}
  securityContext:
    {{- include "sallyport.podSecurity" (dict "uid" 65532) | nindent 4 }}
  topologySpreadConstraints:
    {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "sallyport.selector" $ | nindent 10 }}
    {{- end }}
  {{- include "sallyport.scheduling" $values | nindent 2 }}
  containers:
    - name: {{ .component }}
      image: {{ include "sallyport.image" .root }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: [{{ .component }}, --config, /etc/sallyport/config/config.yaml]
      env:
        - name: POD_NAME
          valueFrom: { fieldRef: { fieldPath: metadata.name } }
        - name: POD_NAMESPACE
          valueFrom: { fieldRef: { fieldPath: metadata.namespace } }
        - name: NODE_NAME
          valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
      ports:
        - { name: admin, containerPort: 9090 }
        {{- if .http }}
        - { name: http, containerPort: 8080 }
        {{- end }}
        {{- if .grpc }}
        - { name: grpc, containerPort: 9000 }
        {{- end }}
      startupProbe:
        httpGet: { path: /livez, port: admin }
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /livez, port: admin }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /readyz, port: admin }
        periodSeconds: 3
        timeoutSeconds: 3
        failureThreshold: 2
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      securityContext:
        {{- include "sallyport.containerSecurity" . | nindent 8 }}
      volumeMounts:
        {{- include "sallyport.mounts" . | nindent 8 }}
  volumes:
    {{- include "sallyport.volumes" . | nindent 4 }}
{{- end -}}

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
  replicas: {{ $values.replicas }}
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
    type: RollingUpdate
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
  {{- end }}
  template:
    {{- include "sallyport.podTemplate" . | nindent 4 }}
{{- end -}}

{{- define "sallyport.networkServices" -}}
{{- $fullname := include "sallyport.fullname" .root }}
{{- if .http }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $fullname }}-{{ .component }}
  labels:
    {{- include "sallyport.labels" . | nindent 4 }}
spec:
  selector:
    {{- include "sallyport.selector" . | nindent 4 }}
  ports:
    - { name: http, port: 8080, targetPort: http, appProtocol: http }
    {{- if not .grpc }}
    - { name: admin, port: 9090, targetPort: admin }
    {{- end }}
{{- end }}
{{- if .grpc }}
---
# Headless, so that clients see every pod and spread their calls.
apiVersion: v1
kind: Service
metadata:
  name: {{ $fullname }}-{{ .component }}-grpc
  labels:
    {{- include "sallyport.labels" . | nindent 4 }}
spec:
  clusterIP: None
  selector:
    {{- include "sallyport.selector" . | nindent 4 }}
  ports:
    - { name: grpc, port: 9000, targetPort: grpc, appProtocol: grpc }
    - { name: admin, port: 9090, targetPort: admin }
{{- end }}
{{- end -}}

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

{{/* DNS names of a service beside its own, which callers know it by, as a JSON list. */}}
{{- define "sallyport.certificateNames" -}}
{{- $names := list -}}
{{- $fullname := include "sallyport.fullname" .root -}}
{{- $root := .root -}}
{{- $component := .component -}}
{{- range list "" "-grpc" -}}
{{- $base := printf "%s-%s%s" $fullname $component . -}}
{{- range list "" (printf ".%s" $root.Release.Namespace) (printf ".%s.svc" $root.Release.Namespace) (printf ".%s.svc.cluster.local" $root.Release.Namespace) -}}
{{- $names = append $names (printf "%s%s" $base .) -}}
{{- end -}}
{{- end -}}
{{- $names | toJson -}}
{{- end -}}
