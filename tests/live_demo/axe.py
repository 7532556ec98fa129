"""axe-core, fetched from npm for the tests where that can be had; it is no part of the project."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

from playwright.async_api import Page

VERSION = "4.14.1"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
_MEMBER = "package/axe.min.js"
_TIMEOUT_S = 30
# By the WCAG up to 2.2, levels A and AA, and what axe's authors hold good besides.
# A place on the map has the number inside its circle in the midst of its name, not at the start; see `structure`.
_RUN = """async () => {
  const rules = { "label-content-name-mismatch": { enabled: false } };
  const { violations } = await axe.run(document, { resultTypes: ["violations"], rules });
  const where = (nodes) => nodes.slice(0, 3).map((one) => one.html.slice(0, 160)).join(" | ");
  return violations.map(({ id, nodes }) => `${id}: ${where(nodes)}`);
}"""


def fetched(directory: Path) -> str:
    """Its text, from `directory` if it is there; empty where it cannot be had."""
    kept = directory / f"axe-{VERSION}.js"
    npm = shutil.which("npm")
    if kept.exists() or npm is None:
        return kept.read_text("utf-8") if kept.exists() else ""
    try:
        command = [npm, "pack", "--silent", f"axe-core@{VERSION}"]
        subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=_TIMEOUT_S)
    except (subprocess.SubprocessError, OSError):
        return ""
    package = directory / f"axe-core-{VERSION}.tgz"
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    assert digest == SHA512, "the package is not the one whose digest is pinned"
    with tarfile.open(package) as archive:
        library = archive.extractfile(_MEMBER)
        assert library
        kept.write_bytes(library.read())
    package.unlink()
    return kept.read_text("utf-8")


async def violations(page: Page, axe: str) -> list[str]:
    """What axe finds wrong with the page as it is now: rule and places."""
    await page.evaluate(f"() => {{ {axe} }}")
    found: list[str] = await page.evaluate(_RUN)
    return found
