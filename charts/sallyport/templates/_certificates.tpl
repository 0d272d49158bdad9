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
