"""What of the chart takes too long for the tests: other people's opinions of it, and what is made from it.

`make chart` checks; `make chart ARGS=--write` first writes what is made: the README's table, the part of the schema
that repeats the program's settings, the plain manifests. Needs Go; its tools are kept in build/chart.
"""

import argparse
import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from helm import manifests, settings  # noqa: E402
from helm.render import CHART, CI, NEWEST, OLDEST, Where, render, values_of  # noqa: E402

PLACE = ROOT / "build/chart"
TOOLS = (
    "github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0",
    "github.com/zegl/kube-score/cmd/kube-score@v1.20.0",
    "github.com/norwoodj/helm-docs/cmd/helm-docs@v1.14.2",
    "sigs.k8s.io/kustomize/kustomize/v5@v5.7.1",
)
# Modules that hold the definitions of the kinds that Kubernetes itself does not know, and the files that we use.
_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
DEFINITIONS = (
    (_OPERATOR, "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"),
    (_OPERATOR, "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml"),
    (_OPERATOR, "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"),
    ("sigs.k8s.io/gateway-api@v1.3.0", "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"),
    ("github.com/kedacore/keda/v2@v2.17.2", "config/crd/bases/keda.sh_scaledobjects.yaml"),
)
# Critical findings of kube-score that stay, and why.
ACCEPTED = {
    r"CPU limit is not set": "a throttled process answers late and is suspected although it lives",
    r"ImagePullPolicy is not set to Always": "images are named by version or digest, and a machine that cannot reach "
    "the registry must still start its pods; image.pullPolicy is there for who wants it",
    r"Service: The services selector does not match any pods": "a Service of one pod selects by a label that the "
    "controller gives to the pod; tests/helm/validate.py knows it and checks the selector",
    r"^(hostnetwork|minimal): .* does not have a matching NetworkPolicy": "these values switch the policy off",
    r"^minimal: .*low (user|group) ID": "these values leave the user to the platform; the image's own is 65532",
    r"^ipv6: .*\((wait|beside)\)": "containers that the values add, to see that they arrive",
}


def run(*command: object, **options: Any) -> str:
    """Output of a command; ends the script with what it said where it fails."""
    done = subprocess.run(
        [str(one) for one in command], text=True, capture_output=True, check=False, **options
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def tool(name: str) -> Path:
    """A tool of the list above, built once for each version."""
    module = next(one for one in TOOLS if f"/{name}@" in one or f"/{name}/v" in one)
    place = PLACE / "bin" / module.partition("@")[2]
    if not (place / name).exists():
        print(f"building {module}", flush=True)
        run("go", "install", module, env=os.environ | {"GOBIN": str(place)})
    return place / name


def custom_schemas() -> Path:
    """The schemas of the kinds that others define, made strict, in files as kubeconform names them."""
    place = PLACE / "schemas/custom"
    place.mkdir(parents=True, exist_ok=True)
    for module, file in DEFINITIONS:
        path = Path(json.loads(run("go", "mod", "download", "-json", module))["Dir"]) / file
        spec = yaml.safe_load(path.read_text("utf-8"))["spec"]
        group, kind = spec["group"].split(".")[0], spec["names"]["kind"].lower()
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            (place / f"{kind}-{group}-{version['name']}.json").write_text(json.dumps(schema), "utf-8")
    return place


def strict(node: Any, at_top: bool = True) -> Any:
    """A schema in which unknown fields are an error; a definition leaves metadata open."""
    if isinstance(node, list):
        return [strict(one, False) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: strict(value, False) for key, value in node.items()}
    preserved = node.get("x-kubernetes-preserve-unknown-fields") or node.get("x-kubernetes-embedded-resource")
    if isinstance(node.get("properties"), dict) and not preserved and "additionalProperties" not in node:
        made["additionalProperties"] = False
    if at_top:
        made["properties"]["metadata"] = {"type": "object"}
    return made


@functools.cache
def standard_schemas(kube: str) -> Path:
    """Those of one version of Kubernetes; their references are to a file beside, which kubeconform can follow."""
    held = Path(kubernetes_validate.__file__).parent / f"kubernetes-json-schema/v{kube}.0-local-strict"
    place = PLACE / f"schemas/{kube}"
    place.mkdir(parents=True, exist_ok=True)
    for path in held.glob("*.json"):
        text = path.read_text("utf-8").replace('"/api/_definitions.json#', '"_definitions.json#')
        schema = json.loads(text)
        schema.pop("$id", None)  # an address that no reference should be looked up at
        (place / path.name).write_text(json.dumps(schema), "utf-8")
    return place


def conform(text: str, *places: Path) -> None:
    """Objects against the schemas in some folders."""
    files = [f"{place}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json" for place in places]
    options = [option for one in files for option in ("-schema-location", one)]
    run(tool("kubeconform"), "-strict", *options, "-", input=text)


def kubeconform() -> None:
    """Every values file against the schemas of the oldest and the newest Kubernetes, custom kinds too."""
    custom = custom_schemas()
    for path in CI:
        for kube in (OLDEST, NEWEST):
            made = render(values_of(path), Where(kube=kube))
            text = "\n---\n".join(text for name, text in made.texts.items() if name.endswith(".yaml"))
            conform(text, standard_schemas(kube), custom)
    print(f"kubeconform: {len(CI)} values files, Kubernetes {OLDEST} and {NEWEST}")


def findings() -> Iterator[str]:
    """Critical findings of kube-score, each with the values file it is about."""
    for path in CI:
        texts = render(values_of(path)).texts
        text = "\n---\n".join(text for name, text in texts.items() if name.endswith(".yaml"))
        command = [tool("kube-score"), "score", "--output-format", "ci", "--kubernetes-version", "v1.33", "-"]
        done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        if "[OK]" not in done.stdout:
            sys.exit(f"kube-score on {path.name}:\n{done.stdout}{done.stderr}")
        name = path.stem.removesuffix("-values")
        yield from (f"{name}: {line}" for line in done.stdout.splitlines() if line.startswith("[CRITICAL]"))


def kube_score() -> None:
    """No critical finding but those that are accepted, and none accepted that is not found."""
    found = list(findings())
    bad = [one for one in found if not any(re.search(pattern, one) for pattern in ACCEPTED)]
    unused = [pattern for pattern in ACCEPTED if not any(re.search(pattern, one) for one in found)]
    if bad or unused:
        sys.exit("\n".join(["kube-score:", *bad, *(f"accepted, but not found: {one}" for one in unused)]))
    print(f"kube-score: {len(found)} critical findings, all of {len(ACCEPTED)} kinds that are accepted:")
    for pattern, reason in ACCEPTED.items():
        print(f"  {pattern}: {reason}")


def readme() -> str:
    """The README as helm-docs makes it."""
    options = (
        "--chart-search-root",
        CHART,
        "--sort-values-order",
        "file",
        "--dry-run",
        "--log-level",
        "warning",
    )
    return run(tool("helm-docs"), *options)


def drift() -> None:
    """What is made is as it would be made now."""
    made = {CHART / "README.md": readme(), **manifests.plain_manifests()}
    stale = [path for path, text in made.items() if path.read_text("utf-8").rstrip() != text.rstrip()]
    if settings.schema()["properties"]["config"] != settings.config_schema():
        stale.append(settings.SCHEMA)
    if stale:
        sys.exit(
            f"not up to date: {', '.join(str(one) for one in stale)}; `make chart ARGS=--write` writes them"
        )
    print(f"up to date: {len(made) + 1} files that are made from others")


def kustomize() -> None:
    """The kustomizations build, and what they build is valid."""
    for path in sorted((ROOT / "manifests").glob("*/kustomization.yaml")):
        text = run(tool("kustomize"), "build", path.parent)
        conform(text, standard_schemas(NEWEST))
        print(f"kustomize: {path.parent.relative_to(ROOT)}")


def main() -> None:
    """Check, or write and check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--write", action="store_true", help="write what is made from other files, then check"
    )
    if parser.parse_args().write:
        settings.write()
        manifests.write()
        (CHART / "README.md").write_text(readme().rstrip() + "\n", "utf-8")
    drift()
    kustomize()
    kubeconform()
    kube_score()


if __name__ == "__main__":
    main()
