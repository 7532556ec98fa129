{{/* The Service of one pod: (dict "root" $ "ordinal" 0). */}}
{{- define "edge.podService" -}}
{{- $given := .root.Values.public.podService -}}
{{- $pod := printf "%s-%d" (include "edge.fullname" .root) (int .ordinal) -}}
{{- $url := .root.Values.public.template | replace "{pod}" $pod | replace "{ordinal}" (toString .ordinal) | replace "{namespace}" .root.Release.Namespace -}}
{{- /* Where a pod runs is not known yet, so a name with that in it cannot be made beforehand. */ -}}
{{- $known := not (regexMatch "{(node|hostIP)}" $url) -}}
{{- $parts := urlParse (regexReplaceAll "{[^}]*}" $url "unknown") -}}
{{- $host := regexReplaceAll ":[0-9]+$" $parts.host "" -}}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $parts.host) | default (ternary "443" "80" (eq $parts.scheme "https")) -}}
{{- $own := $given.annotations -}}
{{- if and $given.externalDns $known -}}
  {{- $own = merge (dict) $own (dict "external-dns.alpha.kubernetes.io/hostname" $host "external-dns.alpha.kubernetes.io/ttl" (toString (int $given.externalDnsTtl))) -}}
{{- end -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "edge.metadata" (dict "root" .root "name" $pod "component" "pod" "own" $own) | nindent 2 }}
spec:
  type: {{ $given.type }}
  {{- if ne $given.type "ClusterIP" }}
  externalTrafficPolicy: {{ $given.externalTrafficPolicy }}
  {{- end }}
  {{- if and (eq $given.type "LoadBalancer") $given.loadBalancerClass }}
  loadBalancerClass: {{ $given.loadBalancerClass | quote }}
  {{- end }}
  # A pod that drains is not ready, and serves the viewers it has to the end; new ones are not sent here by routing.
  publishNotReadyAddresses: true
  {{- with include "edge.families" .root }}
  {{- trim . | nindent 2 }}
  {{- end }}
  selector:
    {{- include "edge.selector" (dict "root" .root "component" "node") | nindent 4 }}
    statefulset.kubernetes.io/pod-name: {{ $pod | quote }}
  ports:
    - name: http-public
      port: {{ int ($given.port | default $port) }}
      targetPort: http-public
      protocol: TCP
      appProtocol: {{ include "edge.scheme" .root }}
      {{- if and $given.nodePortBase (ne $given.type "ClusterIP") }}
      nodePort: {{ add (int $given.nodePortBase) .ordinal }}
      {{- end }}
{{- end -}}
