"""Writes the image's bill of materials; the Containerfile runs it with the interpreter of the finished environment.

CycloneDX 1.6 in JSON, of what is installed: Python's packages from their own metadata, the system's from dpkg, the
interpreter, and hls.js where the page brings it. No network; the same image gives the same bytes.

    python3 image_sbom.py OUTPUT
"""

import importlib.metadata
import json
import os
import pathlib
import platform
import re
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from email.parser import HeaderParser
from typing import Any
from urllib.parse import quote

PRODUCT = "edge-coordinator"
DPKG = pathlib.Path("/var/lib/dpkg/status")
LICENSE_NAME_MAX = 60  # some packages put the whole text of their licence into the field


def component(kind: str, name: str, version: str, purl: str, license_name: str = "") -> dict[str, Any]:
    """One entry; `license_name` is what the package says of itself."""
    entry: dict[str, Any] = {"type": kind, "name": name, "version": version, "purl": purl, "bom-ref": purl}
    if license_name:
        entry["licenses"] = [{"license": {"name": license_name}}]
    return entry


def python_packages() -> Iterator[dict[str, Any]]:
    """What is in this interpreter's environment."""
    for one in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower()  # as PEP 503 writes it
        kind = "application" if name == PRODUCT else "library"
        said = (one.metadata.get_all("License-Expression") or one.metadata.get_all("License") or [""])[0]
        short = said if "\n" not in said and len(said) <= LICENSE_NAME_MAX else ""
        yield component(kind, name, one.version, f"pkg:pypi/{name}@{quote(one.version)}", short)


def system_packages() -> Iterator[dict[str, Any]]:
    """What dpkg has installed, in an image that has it."""
    if not DPKG.exists():
        return
    release = platform.freedesktop_os_release()
    distribution, codename = release["ID"], release.get("VERSION_CODENAME", "")
    for paragraph in DPKG.read_text(encoding="utf-8").strip().split("\n\n"):
        fields = HeaderParser().parsestr(paragraph)
        if fields["Status"] == "install ok installed":
            name, version = fields["Package"], fields["Version"]
            where = f"?arch={fields['Architecture']}&distro={codename}"
            yield component(
                "library", name, version, f"pkg:deb/{distribution}/{name}@{quote(version)}{where}"
            )


def others() -> Iterator[dict[str, Any]]:
    """What no package manager of the image knows."""
    version = platform.python_version()
    yield component("platform", "python", version, f"pkg:generic/python@{version}", "PSF-2.0")
    for marker in importlib.metadata.files(PRODUCT) or []:
        if marker.name == "hls.min.version":
            version = marker.read_text().strip()
            yield component("library", "hls.js", version, f"pkg:npm/hls.js@{version}", "Apache-2.0")


def bill() -> dict[str, Any]:
    """The whole document."""
    found = {one["bom-ref"]: one for one in [*python_packages(), *system_packages(), *others()]}
    product = next(one for one in found.values() if one["name"] == PRODUCT)
    components = [found[ref] for ref in sorted(found) if found[ref] is not product]
    made = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    identity = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([product, components]))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{identity}",
        "version": 1,
        "metadata": {"timestamp": made.isoformat().replace("+00:00", "Z"), "component": product},
        "components": components,
        "dependencies": [{"ref": product["bom-ref"], "dependsOn": [one["bom-ref"] for one in components]}],
    }


if __name__ == "__main__":
    pathlib.Path(sys.argv[1]).write_text(json.dumps(bill(), indent=1) + "\n", encoding="utf-8")
