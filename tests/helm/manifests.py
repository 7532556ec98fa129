"""The plain manifests as they follow from the chart; `make chart ARGS=--write` writes them."""

import re
from pathlib import Path

from helm.render import ROOT, Where, render, values_of

PLACE = ROOT / "manifests"
NAMESPACE = "edge"
_HEAD = "# Made from helm/edge with manifests/plain-values.yaml by `make chart ARGS=--write`. Do not edit.\n"
# What only Helm's own objects should say.
_OF_HELM = re.compile(r'^ *(app\.kubernetes\.io/managed-by: "Helm"|helm\.sh/chart: .*)\n', re.MULTILINE)


def plain_manifests() -> dict[Path, str]:
    """The text of each file that is made."""
    made = render(values_of(PLACE / "plain-values.yaml"), Where(namespace=NAMESPACE))
    texts = {path: text for path, text in made.texts.items() if path.endswith(".yaml") and text.strip()}
    demo = {path for path in texts if "/demo/" in path}
    return {
        PLACE / "plain/edge.yaml": _joined([texts[path] for path in sorted(texts.keys() - demo)]),
        PLACE / "demo/demo.yaml": _joined([texts[path] for path in sorted(demo)]),
    }


def _joined(texts: list[str]) -> str:
    documents = [one.strip() for text in texts for one in re.split(r"^---$", text, flags=re.MULTILINE)]
    plain = [_OF_HELM.sub("", one) for one in documents if one]
    return _HEAD + "".join(f"---\n{one}\n" for one in plain)


def write() -> None:
    """Write all of them."""
    for path, text in plain_manifests().items():
        path.write_text(text, "utf-8")
