{{/* Pod of a Job: root, component, args (list), volumes (YAML), mounts (YAML), env (YAML), token. */}}
{{- define "sallyport.jobPod" -}}
metadata:
  labels:
    {{- include "sallyport.labels" . | nindent 4 }}
spec:
  restartPolicy: OnFailure
  serviceAccountName: {{ include "sallyport.fullname" .root }}-{{ .component }}
  automountServiceAccountToken: {{ .token | default false }}
  enableServiceLinks: false
  {{- include "sallyport.pullSecrets" .root | nindent 2 }}
  securityContext:
    {{- include "sallyport.podSecurity" (dict "uid" 65532) | nindent 4 }}
  {{- include "sallyport.scheduling" .root.Values.defaults | nindent 2 }}
  containers:
    - name: {{ .component }}
      image: {{ include "sallyport.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: {{ .args | toJson }}
      {{- with .env }}
      env:
        {{- . | nindent 8 }}
      {{- end }}
      resources:
        {{- toYaml .root.Values.jobs.resources | nindent 8 }}
      securityContext:
        {{- include "sallyport.containerSecurity" . | nindent 8 }}
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        {{- .mounts | nindent 8 }}
  volumes:
    - name: tmp
      emptyDir: {}
    {{- .volumes | nindent 4 }}
{{- end -}}

{{/* A Job named by what it does: a changed one is a new Job, since Jobs cannot be changed. root, component, pod (YAML). */}}
{{- define "sallyport.job" -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "sallyport.fullname" .root }}-{{ .component }}-{{ include "sallyport.hash" (printf "%s%s" .pod .root.Chart.Version) }}
  labels:
    {{- include "sallyport.labels" . | nindent 4 }}
spec:
  backoffLimit: 20
  activeDeadlineSeconds: {{ .root.Values.jobs.activeDeadlineSeconds }}
  ttlSecondsAfterFinished: {{ .root.Values.jobs.ttlSecondsAfterFinished }}
  template:
    {{- .pod | nindent 4 }}
{{- end -}}
