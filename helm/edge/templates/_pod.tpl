{{/* Where a pod of the StatefulSet runs. */}}
{{- define "edge.placement" -}}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.schedulerName }}
schedulerName: {{ . | quote }}
{{- end }}
{{- if .Values.hostNetwork }}
hostNetwork: true
{{- end }}
dnsPolicy: {{ .Values.dnsPolicy | default (ternary "ClusterFirstWithHostNet" "ClusterFirst" .Values.hostNetwork) }}
{{- range $field := list "dnsConfig" "hostAliases" "nodeSelector" "affinity" "tolerations" }}
{{- with get $.Values $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- if .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
{{- else if .Values.topologySpread.enabled }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: {{ int $.Values.topologySpread.maxSkew }}
    whenUnsatisfiable: {{ $.Values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "edge.selector" (dict "root" $ "component" "node") | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Files of a Secret: of the pod's group only, where there is one. */}}
{{- define "edge.secretMode" -}}
{{- if .Values.podSecurityContext.fsGroup -}}0440{{- else -}}0444{{- end -}}
{{- end -}}

{{- define "edge.volumes" -}}
- name: config
  configMap:
    name: {{ include "edge.fullname" . | quote }}
- name: keys
  secret:
    secretName: {{ include "edge.keysSecret" . | quote }}
    defaultMode: {{ include "edge.secretMode" . }}
- name: admin
  secret:
    secretName: {{ include "edge.adminSecret" . | quote }}
    defaultMode: {{ include "edge.secretMode" . }}
{{- with .Values.public.tls.secretName }}
- name: tls
  secret:
    secretName: {{ . | quote }}
    defaultMode: {{ include "edge.secretMode" $ }}
{{- end }}
{{- with .Values.admin.tls.secretName }}
- name: admin-tls
  secret:
    secretName: {{ . | quote }}
    defaultMode: {{ include "edge.secretMode" $ }}
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- if include "edge.signs" . }}
- name: identity
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
{{- end }}
{{- if .Values.nginx.enabled }}
- name: nginx
  emptyDir:
    sizeLimit: 1Mi
{{- end }}
{{- if not .Values.cache.persistence.enabled }}
- name: cache
  emptyDir:
    sizeLimit: {{ .Values.cache.volume.size | quote }}
    {{- with .Values.cache.volume.medium }}
    medium: {{ . }}
    {{- end }}
{{- end }}
{{- if .Values.discovery.kubernetes.enabled }}
# What the kubelet would mount by itself, for one container only.
- name: api-token
  projected:
    defaultMode: {{ include "edge.secretMode" . }}
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3607
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                fieldPath: metadata.namespace
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "edge.claims" -}}
{{- $claim := .Values.cache.persistence -}}
persistentVolumeClaimRetentionPolicy:
  whenDeleted: {{ $claim.whenDeleted }}
  whenScaled: {{ $claim.whenScaled }}
volumeClaimTemplates:
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata:
      name: cache
      # Nothing here may ever change in a StatefulSet, so no label with a version in it.
      labels:
        {{- include "edge.selector" (dict "root" . "component" "node") | nindent 8 }}
      {{- with $claim.annotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      accessModes: {{ toJson $claim.accessModes }}
      {{- with $claim.storageClass }}
      storageClassName: {{ . | quote }}
      {{- end }}
      resources:
        requests:
          storage: {{ .Values.cache.volume.size | quote }}
{{- end -}}

{{/* The security of the pods beside the nodes: demo and tests. */}}
{{- define "edge.podBeside" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with include "edge.pullSecrets" . }}
{{ trim . }}
{{- end }}
{{- range $field := list "nodeSelector" "tolerations" }}
{{- with get $.Values $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "edge.dnsPorts" -}}
{{- range .Values.networkPolicy.dnsPorts }}
- port: {{ int . }}
  protocol: UDP
- port: {{ int . }}
  protocol: TCP
{{- end }}
{{- end -}}

{{/* Up at once, down by one pod a period, and only when no suspicion of the last change is open any more. */}}
{{- define "edge.scalingBehavior" -}}
scaleDown:
  stabilizationWindowSeconds: {{ int .Values.autoscaling.scaleDownStabilizationSeconds }}
  selectPolicy: Max
  policies:
    - type: Pods
      value: 1
      periodSeconds: {{ int .Values.autoscaling.scaleDownPeriodSeconds }}
scaleUp:
  stabilizationWindowSeconds: {{ int .Values.autoscaling.scaleUpStabilizationSeconds }}
{{- end -}}
