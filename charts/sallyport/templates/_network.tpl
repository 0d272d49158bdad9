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
    {{- if and .clients .root.Values.edge.declared }}
    - { name: edge, port: 8443, targetPort: edge, appProtocol: https }
    {{- end }}
    {{- if not .grpc }}
    - { name: admin, port: 9090, targetPort: admin }
    {{- end }}
{{- end }}
{{- if .proxy }}
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
    - { name: proxy, port: 3128, targetPort: proxy }
    - { name: admin, port: 9090, targetPort: admin }
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
