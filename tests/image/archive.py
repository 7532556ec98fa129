"""An image archive as `docker save` writes it, and a pod's way to run what is in it."""

import gzip
import json
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

# Process 1 of a namespace of its own, not root, on a root that cannot be written: as the chart's security context says.
_AS_A_POD = """
set -e
root=$1 user=$2
shift 2
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user" "$root" "$@"
"""


@dataclass(frozen=True)
class Archive:
    """An image in a file, its bill of materials, and what the builder said."""

    path: Path
    sbom_path: Path
    said: str

    def _json(self, name: str) -> Any:
        with tarfile.open(self.path) as archive:
            content = archive.extractfile(name)
            assert content is not None
            return json.load(content)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Which members are the configuration and the layers, and the image's names."""
        found: list[dict[str, Any]] = self._json("manifest.json")
        assert len(found) == 1
        return found[0]

    @cached_property
    def settings(self) -> dict[str, Any]:
        """User, environment, entry point, labels, history and the layers' digests."""
        found: dict[str, Any] = self._json(self.manifest["Config"])
        return found

    @cached_property
    def sbom(self) -> dict[str, Any]:
        """The bill of materials."""
        found: dict[str, Any] = json.loads(self.sbom_path.read_bytes())
        return found

    def compressed_bytes(self) -> int:
        """What a node pulls: the layers, each after gzip."""
        with tarfile.open(self.path) as archive:
            contents = [archive.extractfile(layer) for layer in self.manifest["Layers"]]
            return sum(len(gzip.compress(one.read(), 6)) for one in contents if one)

    def unpack(self, directory: Path) -> None:
        """The layers' files, as root of the image."""
        directory.mkdir()
        with tarfile.open(self.path) as archive:
            for layer in self.manifest["Layers"]:
                with tarfile.open(fileobj=archive.extractfile(layer)) as files:
                    files.extractall(directory, numeric_owner=True, filter="fully_trusted")

    def as_a_pod(self, root: Path, *arguments: str, entry: Sequence[str] = ()) -> list[str]:
        """A command that runs `arguments` as the image says, or as given by `entry`, in `root`."""
        says = self.settings["config"]
        return [
            *("unshare", "--mount", "--pid", "--fork", "bash", "-c", _AS_A_POD, "pod"),
            *(str(root), says["User"], "/usr/bin/env", "-i", *says["Env"]),
            *(entry or says["Entrypoint"]),
            *arguments,
        ]

    def run(self, root: Path, *entry: str) -> str:
        """What a command in the image prints; it must not fail."""
        done = subprocess.run(
            self.as_a_pod(root, entry=entry), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
