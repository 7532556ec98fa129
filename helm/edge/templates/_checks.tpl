{{/* What the schema cannot say: rules between values, and what the cluster must have. Each failure says what would be
right. */}}

{{/* Greatest number of pods. */}}
{{- define "edge.podsMax" -}}
{{- if .Values.autoscaling.enabled -}}{{ int .Values.autoscaling.maxReplicas }}{{- else -}}{{ int .Values.replicas }}{{- end -}}
{{- end -}}

{{/* Least number of pods. */}}
{{- define "edge.podsMin" -}}
{{- if .Values.autoscaling.enabled -}}{{ int .Values.autoscaling.minReplicas }}{{- else -}}{{ int .Values.replicas }}{{- end -}}
{{- end -}}

{{/* The longest that a live node can stay suspected, seconds: the program's own rule (edge/config/sections.py,
suspicion_*), with the number of digits for the logarithm. */}}
{{- define "edge.suspicionMax" -}}
{{- $gossip := .Values.config.gossip | default dict -}}
{{- $digits := len (include "edge.podsMax" .) -}}
{{- $mult := $gossip.suspicion_mult | default 3.5 -}}
{{- $period := $gossip.probe_period_quiet_s | default 0.5 -}}
{{- $least := $gossip.suspicion_min_s | default 1.0 -}}
{{- maxf (mulf $mult $digits $period) $least | mulf ($gossip.suspicion_max_factor | default 3.0) | ceil | int -}}
{{- end -}}

{{- define "edge.minReadySeconds" -}}
{{- if kindIs "invalid" .Values.minReadySeconds -}}
{{ add 2 (include "edge.suspicionMax" .) }}
{{- else -}}
{{ int .Values.minReadySeconds }}
{{- end -}}
{{- end -}}

{{- define "edge.needsKind" -}}
{{- if not (.root.Capabilities.APIVersions.Has (printf "%s/%s" .api .kind)) -}}
{{- fail (printf "%s needs %s of %s, which this cluster does not have: install %s first, or set %s to false (to render without a cluster: --api-versions %s/%s)" .value .kind .api .from .value .api .kind) -}}
{{- end -}}
{{- end -}}

{{- define "edge.check" -}}
{{- $v := .Values -}}
{{- include "edge.checkTime" . -}}
{{- include "edge.checkAddresses" . -}}
{{- include "edge.checkAutoscaling" . -}}
{{- include "edge.checkServing" . -}}
{{- if and $v.monitoring.serviceMonitor.enabled $v.monitoring.podMonitor.enabled -}}
  {{- fail "monitoring: serviceMonitor and podMonitor would scrape every pod twice; enable one of them" -}}
{{- end -}}
{{- $prometheus := dict "root" . "api" "monitoring.coreos.com/v1" "from" "the Prometheus operator" -}}
{{- range $kind := list "ServiceMonitor" "PodMonitor" "PrometheusRule" -}}
  {{- $name := printf "%s%s" (substr 0 1 $kind | lower) (substr 1 -1 $kind) -}}
  {{- if (get $v.monitoring $name).enabled -}}
    {{- include "edge.needsKind" (merge (dict "kind" $kind "value" (printf "monitoring.%s.enabled" $name)) $prometheus) -}}
  {{- end -}}
{{- end -}}
{{- if $v.httpRoute.enabled -}}
  {{- include "edge.needsKind" (dict "root" . "api" "gateway.networking.k8s.io/v1" "kind" "HTTPRoute" "from" "the Gateway API" "value" "httpRoute.enabled") -}}
{{- end -}}
{{- end -}}

{{/* How a pod goes (edge/app.py): it drains, says goodbye, and lets requests in flight end. */}}
{{- define "edge.checkTime" -}}
{{- $drain := dig "node" "drain_s" 0.5 .Values.config -}}
{{- $leave := 1 -}}
{{- $close := maxf 2 $drain -}}
{{- $margin := 5 -}}
{{- $least := addf $drain $leave $close $margin | ceil | int -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) $least -}}
  {{- fail (printf "terminationGracePeriodSeconds is %d: a pod needs %d (drain %v s, leave %v s, requests in flight %v s, margin %d s), or it is killed with viewers on it" (int .Values.terminationGracePeriodSeconds) $least $drain $leave $close $margin) -}}
{{- end -}}
{{- end -}}

{{- define "edge.checkAddresses" -}}
{{- $v := .Values -}}
{{- $ports := list (int $v.gossip.port) (int $v.admin.port) (int $v.public.port) -}}
{{- if ne (len (uniq $ports)) 3 -}}
  {{- fail (printf "gossip.port, admin.port and public.port are %v: give each a number of its own (a Service cannot change one number's protocol later, kubernetes#105610)" $ports) -}}
{{- end -}}
{{- if $v.nginx.enabled -}}
  {{- $ports = concat $ports (list (int $v.nginx.fillPort) (int $v.nginx.statusPort)) -}}
  {{- if ne (len (uniq $ports)) 5 -}}
    {{- fail (printf "nginx.fillPort and nginx.statusPort are %d and %d: give each a number that no other port of the pod has" (int $v.nginx.fillPort) (int $v.nginx.statusPort)) -}}
  {{- end -}}
{{- end -}}
{{- $template := ternary $v.public.hostPort.template $v.public.template (eq $v.public.advertise "hostPort") -}}
{{- range regexFindAll "{[^}]*}" $template -1 -}}
  {{- if not (has . (list "{pod}" "{ordinal}" "{namespace}" "{node}" "{hostIP}" "{port}")) -}}
    {{- fail (printf "public: the template %s holds %s; known are {pod}, {ordinal}, {namespace}, {node}, {hostIP} and, for hostPort, {port}" $template .) -}}
  {{- end -}}
{{- end -}}
{{- if and $v.public.tls.secretName (ne $v.public.advertise "podIP") (hasPrefix "http://" $template) -}}
  {{- fail (printf "public.tls.secretName is set, but the template %s says http://: write https://" $template) -}}
{{- end -}}
{{- if and $v.admin.tokensKey (not $v.admin.existingSecret) -}}
  {{- fail "admin.tokensKey: the Secret that the chart makes has one token only; make one with both keys, and name it as admin.existingSecret" -}}
{{- end -}}
{{- if and $v.hostNetwork (eq $v.public.advertise "hostPort") (ne (int $v.public.port) (int $v.public.hostPort.port)) -}}
  {{- fail "public.hostPort.port: with hostNetwork it must be public.port" -}}
{{- end -}}
{{- end -}}

{{- define "edge.checkServing" -}}
{{- $v := .Values -}}
{{- if and $v.origin.url $v.origin.servers -}}
  {{- fail "origin.url and origin.servers are both set: put that one into the list" -}}
{{- end -}}
{{- if and $v.public.tls.secretName $v.demo.viewers.count -}}
  {{- fail "demo.viewers.count: the demo's viewers do not speak TLS; set it to 0, or public.tls.secretName to nothing" -}}
{{- end -}}
{{- if and $v.nginx.enabled (lt (int64 (include "edge.bytes" $v.cache.volume.size)) 67108864) -}}
  {{- fail (printf "cache.volume.size is %s: nginx needs 64Mi at the least" $v.cache.volume.size) -}}
{{- end -}}
{{- end -}}

{{- define "edge.checkAutoscaling" -}}
{{- $a := .Values.autoscaling -}}
{{- if $a.enabled -}}
  {{- if gt (int $a.minReplicas) (int $a.maxReplicas) -}}
    {{- fail (printf "autoscaling.minReplicas is %d, above maxReplicas, %d" (int $a.minReplicas) (int $a.maxReplicas)) -}}
  {{- end -}}
  {{- if le (int $a.scaleDownStabilizationSeconds) (int (include "edge.suspicionMax" .)) -}}
    {{- fail (printf "autoscaling.scaleDownStabilizationSeconds is %d: a suspicion can last %s s, and a pod must not go while one is open" (int $a.scaleDownStabilizationSeconds) (include "edge.suspicionMax" .)) -}}
  {{- end -}}
  {{- if and (eq $a.type "cpu") (not (dig "requests" "cpu" "" .Values.resources)) -}}
    {{- fail "autoscaling.type cpu needs resources.requests.cpu: the target is a share of it" -}}
  {{- end -}}
  {{- if eq $a.type "keda" -}}
    {{- include "edge.needsKind" (dict "root" . "api" "keda.sh/v1alpha1" "kind" "ScaledObject" "from" "KEDA" "value" "autoscaling.enabled") -}}
  {{- end -}}
{{- end -}}
{{- end -}}
