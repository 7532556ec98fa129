"""The alerts that the chart makes."""

from helm.render import Object, Values, render

RULES: Values = {
    "monitoring": {"prometheusRule": {"enabled": True, "runbookUrl": "https://docs.example/{alert}"}}
}


def alerts(values: Values = RULES) -> list[Object]:
    """The rules of the one group."""
    (group,) = render(values).one("PrometheusRule")["spec"]["groups"]
    return list(group["rules"])
