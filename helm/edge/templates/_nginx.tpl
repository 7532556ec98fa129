{{/* nginx in front of the node: it serves hits, and asks the node for the rest on the pod's loopback. */}}

{{/* What both share, on the volume `cache`. */}}
{{- define "edge.nginxFolder" -}}
/var/cache/edge/nginx
{{- end -}}

{{/* The port that viewers use, of whichever container serves them. */}}
{{- define "edge.publicPort" -}}
- name: http-public
  containerPort: {{ int .Values.public.port }}
  protocol: TCP
  {{- if eq .Values.public.advertise "hostPort" }}
  hostPort: {{ int .Values.public.hostPort.port }}
  {{- end }}
{{- end -}}

{{/* Makes nginx's configuration from the settings that the node has. */}}
{{- define "edge.nginxConfig" -}}
- name: nginx-config
  image: {{ include "edge.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: ["nginx-config", "--config", "/etc/edge/config/edge.toml", "--to", "/etc/edge/nginx/nginx.conf"]
  env:
    {{- include "edge.env" . | trim | nindent 4 }}
    {{- with .Values.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.extraEnvFrom }}
  envFrom:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  securityContext:
    {{- toYaml .Values.securityContext | nindent 4 }}
  volumeMounts:
    - name: config
      mountPath: /etc/edge/config
      readOnly: true
    - name: nginx
      mountPath: /etc/edge/nginx
{{- end -}}

{{- define "edge.nginx" -}}
{{- $tls := .Values.public.tls -}}
{{- $files := ternary (list (printf "/etc/edge/tls/%s" $tls.certKey) (printf "/etc/edge/tls/%s" $tls.keyKey)) list (ne $tls.secretName "") -}}
{{- $drain := dig "node" "drain_s" 0.5 .Values.config -}}
- name: nginx
  image: {{ include "edge.imageOf" (dict "root" . "image" .Values.nginx.image) | quote }}
  imagePullPolicy: {{ .Values.nginx.image.pullPolicy }}
  command: {{ concat (list "/bin/sh" "/etc/edge/config/nginx.sh" "/etc/edge/nginx/nginx.conf" (include "edge.nginxFolder" .)) $files | toJson }}
  env:
    # It serves on while the node drains, and ends when the node has said goodbye.
    - name: LEAVE_AFTER_S
      value: {{ addf $drain 0.5 | quote }}
    - name: CLOSE_S
      value: {{ maxf 2 $drain | quote }}
  ports:
    {{- include "edge.publicPort" . | trim | nindent 4 }}
  # No readiness of its own: the node asks it for its figures every second, and is ready only while it answers.
  livenessProbe:
    tcpSocket:
      port: http-public
    {{- toYaml .Values.probes.liveness | nindent 4 }}
  resources:
    {{- toYaml .Values.nginx.resources | nindent 4 }}
  securityContext:
    {{- toYaml .Values.securityContext | nindent 4 }}
  volumeMounts:
    - name: config
      mountPath: /etc/edge/config
      readOnly: true
    - name: nginx
      mountPath: /etc/edge/nginx
      readOnly: true
    {{- if $tls.secretName }}
    - name: tls
      mountPath: /etc/edge/tls
      readOnly: true
    {{- end }}
    - name: cache
      mountPath: /var/cache/edge
{{- end -}}
