"""Fetches hls.js for browsers without HLS of their own, when npm is there. `make install` runs it; it never fails that.

The version and the digest of its package are pinned here; the library is not committed.
"""

import base64
import hashlib
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

VERSION = "1.7.4"
SHA512 = "3GlxGdPvT2YHvQYOt+yOzT/DEior/qJVNIylHA77kgeoBTdQQqi70GwefNEUmHQeNGyjC8U62+bruqW/Tpm+tg=="
TARGET = pathlib.Path(__file__).resolve().parent.parent / "edge/shell/page/vendor/hls.min.js"
MEMBER = "package/dist/hls.min.js"
TIMEOUT_S = 60


def fetch() -> str:
    """Put the library in its place; a sentence about what happened."""
    marker = TARGET.with_suffix(".version")
    if TARGET.exists() and marker.exists() and marker.read_text() == VERSION:
        return f"hls.js {VERSION} is here"
    npm = shutil.which("npm")
    if npm is None:
        return "hls.js not fetched: no npm; browsers with HLS of their own play all the same"
    with tempfile.TemporaryDirectory() as directory:
        command = [npm, "pack", "--silent", f"hls.js@{VERSION}"]
        try:
            subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=TIMEOUT_S)
            package = next(pathlib.Path(directory).glob("*.tgz"))
        except (subprocess.SubprocessError, OSError, StopIteration):
            return "hls.js not fetched: npm could not; browsers with HLS of their own play all the same"
        digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
        if digest != SHA512:
            return "hls.js not installed: the package is not the one whose digest is pinned"
        with tarfile.open(package) as archive:
            library = archive.extractfile(MEMBER)
            assert library is not None
            TARGET.parent.mkdir(parents=True, exist_ok=True)
            TARGET.write_bytes(library.read())
    marker.write_text(VERSION)
    return f"hls.js {VERSION} fetched"


if __name__ == "__main__":
    print(fetch())
