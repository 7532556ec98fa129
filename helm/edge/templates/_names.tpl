{{/* Names. A Service's name begins with a letter (RFC 1035); a StatefulSet's has at most 52 characters, because
"-<hash of 10>" is added to it in a label of 63. */}}

{{- define "edge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "edge.fullname" -}}
{{- $raw := .Values.fullnameOverride -}}
{{- if not $raw -}}
  {{- $name := default .Chart.Name .Values.nameOverride -}}
  {{- if contains $name .Release.Name -}}
    {{- $raw = .Release.Name -}}
  {{- else -}}
    {{- $raw = printf "%s-%s" .Release.Name $name -}}
    {{- if not (regexMatch "^[a-z]" $raw) -}}
      {{- $raw = printf "%s-%s" $name .Release.Name -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $full := regexReplaceAll "[^a-z0-9-]" (lower $raw) "-" -}}
{{- if not (regexMatch "^[a-z]" $full) -}}
  {{- $full = printf "edge-%s" $full -}}
{{- end -}}
{{- /* Two names that are cut or mended to the same must not meet: the tail tells them apart. */ -}}
{{- if or (gt (len $full) 52) (contains "." $raw) -}}
  {{- $full = printf "%s-%s" ($full | trunc 43 | trimSuffix "-") ($raw | sha256sum | trunc 8) -}}
{{- end -}}
{{- $full | trimSuffix "-" -}}
{{- end -}}

{{- define "edge.headless" -}}
{{ include "edge.fullname" . }}-headless
{{- end -}}

{{- define "edge.keysSecret" -}}
{{ .Values.gossip.existingSecret | default (printf "%s-keys" (include "edge.fullname" .)) }}
{{- end -}}

{{- define "edge.adminSecret" -}}
{{ .Values.admin.existingSecret | default (printf "%s-admin" (include "edge.fullname" .)) }}
{{- end -}}

{{- define "edge.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "edge.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* Cluster id. The namespace is the pod's own, so that manifests that were rendered for one namespace and applied to
another do not share an id. */}}
{{- define "edge.cluster" -}}
{{- .Values.clusterId | default (printf "$(EDGE_KUBERNETES_NAMESPACE)/%s" .Release.Name) -}}
{{- end -}}

{{/* The id as people read it. */}}
{{- define "edge.clusterShown" -}}
{{ include "edge.cluster" . | replace "$(EDGE_KUBERNETES_NAMESPACE)" .Release.Namespace }}
{{- end -}}

{{/* The name of an image: (dict "root" $ "image" (dict "registry" … "repository" … "tag" … "digest" …)). */}}
{{- define "edge.imageOf" -}}
{{- $registry := .root.Values.global.imageRegistry | default .image.registry -}}
{{- $name := ternary (printf "%s/%s" $registry .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest -}}
{{ $name }}@{{ .image.digest }}
{{- else -}}
{{ $name }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "edge.image" -}}
{{ include "edge.imageOf" (dict "root" . "image" .Values.image) }}
{{- end -}}
