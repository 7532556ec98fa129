{{/* Labels. Values are quoted: a release may be called true, 123 or 1e3. Each takes (dict "root" $ "component" "…"). */}}

{{- define "edge.selector" -}}
app.kubernetes.io/name: {{ include "edge.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component | quote }}
{{- end -}}

{{- define "edge.labels" -}}
{{- $own := include "edge.selector" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/version" (.root.Chart.AppVersion | toString) -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "edge" -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63) -}}
{{- range $key, $value := merge $own (default dict .extra) .root.Values.commonLabels }}
{{ $key }}: {{ $value | quote }}
{{- end -}}
{{- end -}}

{{/* The labels of pods: none that changes with the chart alone, which would restart them. */}}
{{- define "edge.podLabels" -}}
{{- $own := include "edge.selector" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "edge" -}}
{{- range $key, $value := merge $own (default dict .extra) .root.Values.commonLabels }}
{{ $key }}: {{ $value | quote }}
{{- end -}}
{{- end -}}

{{/* The annotations of one object: (dict "root" $ "own" (dict …)); nothing where there are none. */}}
{{- define "edge.annotations" -}}
{{- $all := merge (dict) (default dict .own) .root.Values.commonAnnotations -}}
{{- if $all }}
annotations:
  {{- range $key, $value := $all }}
  {{ $key }}: {{ $value | quote }}
  {{- end }}
{{- end -}}
{{- end -}}

{{/* The metadata of one object: (dict "root" $ "name" … "component" … "own" annotations "namespace" … "extra" labels). */}}
{{- define "edge.metadata" -}}
name: {{ .name | quote }}
namespace: {{ .namespace | default .root.Release.Namespace | quote }}
labels:
  {{- include "edge.labels" . | trim | nindent 2 }}
{{- include "edge.annotations" . }}
{{- end -}}

{{- define "edge.families" -}}
{{- with .Values.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.service.ipFamilies }}
ipFamilies: {{ toJson . }}
{{- end }}
{{- end -}}

{{- define "edge.pullSecrets" -}}
{{- with concat .Values.imagePullSecrets .Values.global.imagePullSecrets | uniq }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* A text without blanks on empty lines. */}}
{{- define "edge.noTail" -}}
{{- regexReplaceAll "(?m)^ +$" . "" -}}
{{- end -}}
