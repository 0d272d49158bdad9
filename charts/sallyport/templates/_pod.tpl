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
        {{- if and .clients $v.edge.declared }}
        - { name: edge, containerPort: 8443 }
        {{- end }}
        {{- if .proxy }}
        - { name: proxy, containerPort: 3128 }
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
