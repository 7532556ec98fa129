{{/* The TOML file. A value is written as JSON, which is TOML too for text, numbers, truth and lists of these. */}}
{{- define "edge.toml" -}}
{{- range $section, $fields := .Values.config }}
[{{ $section }}]
{{- range $name, $value := $fields }}
{{- if kindIs "map" $value }}
[{{ $section }}.{{ $name }}]
{{- range $key, $text := $value }}
{{ toJson $key }} = {{ toString $text | toJson }}
{{- end }}
{{- else if not (kindIs "invalid" $value) }}
{{ $name }} = {{ toJson $value }}
{{- end }}
{{- end }}
{{ end }}
{{- end -}}

{{/* Brackets around an address in a URL. */}}
{{- define "edge.inUrl" -}}
{{- if eq .root.Values.ipFamily "IPv6" -}}[{{ .address }}]{{- else -}}{{ .address }}{{- end -}}
{{- end -}}

{{/* Whether pods sign their records; nothing where they do not. */}}
{{- define "edge.signs" -}}
{{- if ne (dig "identity" "signatures" "off" .Values.config) "off" -}}yes{{- end -}}
{{- end -}}

{{/* What the admin port speaks. */}}
{{- define "edge.adminScheme" -}}
{{- ternary "https" "http" (ne .Values.admin.tls.secretName "") -}}
{{- end -}}

{{- define "edge.anyAddress" -}}
{{- if eq .Values.ipFamily "IPv6" -}}[::]{{- else -}}0.0.0.0{{- end -}}
{{- end -}}

{{/* What the public port speaks. */}}
{{- define "edge.scheme" -}}
{{- ternary "https" "http" (ne .Values.public.tls.secretName "") -}}
{{- end -}}

{{/* The URL of one pod for viewers; $(NAME) is filled in by the kubelet. */}}
{{- define "edge.publicUrl" -}}
{{- $public := .Values.public -}}
{{- $podIP := include "edge.inUrl" (dict "root" . "address" "$(EDGE_POD_IP)") -}}
{{- $hostIP := include "edge.inUrl" (dict "root" . "address" "$(EDGE_HOST_IP)") -}}
{{- $scheme := include "edge.scheme" . -}}
{{- $url := printf "%s://%s:%d" $scheme $podIP (int $public.port) -}}
{{- if eq $public.advertise "template" -}}
  {{- $url = $public.template -}}
{{- else if eq $public.advertise "hostPort" -}}
  {{- $url = $public.hostPort.template | default (printf "%s://{hostIP}:{port}" $scheme) | replace "{port}" (toString (int $public.hostPort.port)) -}}
{{- end -}}
{{- $url = $url | replace "{pod}" "$(EDGE_NODE_NAME)" | replace "{ordinal}" "$(EDGE_POD_ORDINAL)" -}}
{{- $url = $url | replace "{namespace}" "$(EDGE_KUBERNETES_NAMESPACE)" | replace "{node}" "$(EDGE_KUBERNETES_NODE_NAME)" -}}
{{ $url | replace "{hostIP}" $hostIP | trimSuffix "/" }}
{{- end -}}

{{/* Identity and addresses of one pod; comes before what the user adds. */}}
{{- define "edge.env" -}}
{{- range $name, $path := dict
  "EDGE_NODE_NAME" "metadata.name"
  "EDGE_KUBERNETES_NAMESPACE" "metadata.namespace"
  "EDGE_POD_IP" "status.podIP"
  "EDGE_POD_ORDINAL" "metadata.labels['apps.kubernetes.io/pod-index']"
  "EDGE_HOST_IP" "status.hostIP"
  "EDGE_KUBERNETES_NODE_NAME" "spec.nodeName"
}}
- name: {{ $name }}
  valueFrom:
    fieldRef:
      fieldPath: {{ $path }}
{{- end }}
{{- $podIP := include "edge.inUrl" (dict "root" . "address" "$(EDGE_POD_IP)") }}
{{- $seed := printf "%s.$(EDGE_KUBERNETES_NAMESPACE).svc.%s:%d" (include "edge.headless" .) .Values.clusterDomain (int .Values.gossip.port) }}
- name: EDGE_NODE_CLUSTER
  value: {{ include "edge.cluster" . | quote }}
# To the pod's own address, so that a pod with several sends from the one that it tells; brackets fit both families.
- name: EDGE_GOSSIP_BIND
  value: {{ printf "[$(EDGE_POD_IP)]:%d" (int .Values.gossip.port) | quote }}
- name: EDGE_GOSSIP_SEEDS
  value: {{ concat (list $seed) .Values.gossip.extraSeeds | join "," | quote }}
- name: EDGE_GOSSIP_KEYS_FILE
  value: {{ printf "/etc/edge/keys/%s" .Values.gossip.secretKey | quote }}
{{- if include "edge.signs" . }}
# In memory that lasts as long as the pod: a container that is started again is the same node.
- name: EDGE_IDENTITY_FILE
  value: /var/lib/edge/identity.pem
{{- end }}
# To all addresses, so that `kubectl port-forward` gets there.
- name: EDGE_PUBLIC_BIND
  value: {{ printf "%s:%d" (include "edge.anyAddress" .) (int .Values.public.port) | quote }}
- name: EDGE_PUBLIC_ADVERTISE
  value: {{ include "edge.publicUrl" . | quote }}
- name: EDGE_ADMIN_BIND
  value: {{ printf "%s:%d" (include "edge.anyAddress" .) (int .Values.admin.port) | quote }}
- name: EDGE_ADMIN_ADVERTISE
  value: {{ printf "%s://%s:%d" (include "edge.adminScheme" .) $podIP (int .Values.admin.port) | quote }}
- name: EDGE_ADMIN_TOKEN_FILE
  value: {{ printf "/etc/edge/admin/%s" .Values.admin.secretKey | quote }}
# For `edge members` and the like in this container.
- name: EDGE_ADMIN
  value: {{ printf "%s://localhost:%d" (include "edge.adminScheme" .) (int .Values.admin.port) | quote }}
{{- with .Values.admin.tokensKey }}
- name: EDGE_ADMIN_TOKENS_FILE
  value: {{ printf "/etc/edge/admin/%s" . | quote }}
{{- end }}
{{- include "edge.adminTls" . }}
{{- if .Values.origin.servers }}
- name: EDGE_CACHE_ORIGINS
  value: {{ include "edge.origins" . | quote }}
{{- else }}
{{- with include "edge.originUrl" . }}
- name: EDGE_CACHE_ORIGIN
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- $volume := include "edge.bytes" .Values.cache.volume.size }}
{{- if .Values.cache.disk }}
- name: EDGE_CACHE_DISK_PATH
  value: /var/cache/edge/objects
# A fifth is left, because a pod whose volume grows beyond its bound is evicted.
- name: EDGE_CACHE_DISK_MAX_BYTES
  value: {{ ternary (div $volume 4) (div (mul 4 $volume) 5) .Values.nginx.enabled | quote }}
{{- end }}
{{- if .Values.nginx.enabled }}
{{- $loopback := ternary "[::1]" "127.0.0.1" (eq .Values.ipFamily "IPv6") }}
- name: EDGE_CACHE_BACKEND
  value: nginx
- name: EDGE_NGINX_FOLDER
  value: {{ include "edge.nginxFolder" . }}
# Half: nginx exceeds it by what it stores in some seconds, and the log is there too.
- name: EDGE_NGINX_MAX_BYTES
  value: {{ div $volume 2 | quote }}
- name: EDGE_NGINX_BIND
  value: {{ printf "%s:%d" $loopback (int .Values.nginx.fillPort) | quote }}
- name: EDGE_NGINX_STATUS_BIND
  value: {{ printf "%s:%d" $loopback (int .Values.nginx.statusPort) | quote }}
{{- end }}
{{- with .Values.public.tls }}
{{- if .secretName }}
- name: EDGE_PUBLIC_TLS_CERT_FILE
  value: {{ printf "/etc/edge/tls/%s" .certKey | quote }}
- name: EDGE_PUBLIC_TLS_KEY_FILE
  value: {{ printf "/etc/edge/tls/%s" .keyKey | quote }}
{{- with .caKey }}
- name: EDGE_PUBLIC_TLS_CA_FILE
  value: {{ printf "/etc/edge/tls/%s" . | quote }}
{{- end }}
{{- with .peerName }}
- name: EDGE_PUBLIC_TLS_PEER_NAME
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.discovery.kubernetes.enabled }}
- name: EDGE_KUBERNETES_DISCOVERY
  value: "true"
- name: EDGE_KUBERNETES_SERVICE
  value: {{ include "edge.headless" . | quote }}
- name: EDGE_KUBERNETES_POD
  value: $(EDGE_NODE_NAME)
- name: EDGE_KUBERNETES_EVENTS
  value: {{ .Values.discovery.kubernetes.events | quote }}
{{- end }}
{{- end -}}

{{/* The files of TLS at the admin port; the last ones are for `edge` itself, which shows the pod's certificate. */}}
{{- define "edge.adminTls" -}}
{{- with .Values.admin.tls }}
{{- if .secretName }}
{{- $files := dict "EDGE_ADMIN_TLS_CERT_FILE" .certKey "EDGE_ADMIN_TLS_KEY_FILE" .keyKey }}
{{- with .caKey }}
{{- $files = merge $files (dict "EDGE_ADMIN_TLS_CA_FILE" . "EDGE_CA" .) }}
{{- end }}
{{- if .clientCaKey }}
{{- $files = merge $files (dict "EDGE_ADMIN_TLS_CLIENT_CA_FILE" .clientCaKey "EDGE_CERT" .certKey "EDGE_KEY" .keyKey) }}
{{- end }}
{{- range $name, $key := $files }}
- name: {{ $name }}
  value: {{ printf "/etc/edge/admin-tls/%s" $key | quote }}
{{- end }}
{{- with .peerName }}
- name: EDGE_ADMIN_TLS_PEER_NAME
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "edge.originUrl" -}}
{{- if .Values.origin.url -}}
{{ .Values.origin.url }}
{{- else if .Values.demo.origin.enabled -}}
http://{{ include "edge.fullname" . }}-origin:{{ .Values.demo.origin.port }}
{{- end -}}
{{- end -}}

{{/* Several origins as the program reads them. */}}
{{- define "edge.origins" -}}
{{- $found := list -}}
{{- range .Values.origin.servers -}}
  {{- $found = append $found (printf "%s;priority=%d;weight=%d" .url (int (.priority | default 1)) (int (.weight | default 1))) -}}
{{- end -}}
{{ join "," $found }}
{{- end -}}

{{/* The ports of all origins, as a list in JSON. */}}
{{- define "edge.originPorts" -}}
{{- $urls := list -}}
{{- range .Values.origin.servers -}}{{- $urls = append $urls .url -}}{{- end -}}
{{- if not $urls -}}{{- $urls = compact (list (include "edge.originUrl" .)) -}}{{- end -}}
{{- $ports := list -}}
{{- range $urls -}}
  {{- $parts := urlParse . -}}
  {{- $ports = append $ports (regexFind "[0-9]+$" (regexFind ":[0-9]+$" $parts.host) | default (ternary "443" "80" (eq $parts.scheme "https")) | int) -}}
{{- end -}}
{{ uniq $ports | toJson }}
{{- end -}}

{{/* A quantity of Kubernetes in bytes. */}}
{{- define "edge.bytes" -}}
{{- $units := dict "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- mul (regexFind "^[0-9]+" .) (get $units (regexFind "[A-Za-z]+$" .)) -}}
{{- end -}}
