"""Inputs that are kept: for each target a file with one of them a line, in base64; a line with # is a remark."""

import base64
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).with_name("corpus")
FINDINGS = "found"  # the corpus of what once broke a law; it is never minimised


def kept(target: str) -> list[bytes]:
    """All inputs of a target: what found something first, then what covers most."""
    return [*_read(_file(target, FINDINGS)), *_read(_file(target, "covers"))]


def write(target: str, inputs: Iterable[bytes], most_bytes: int) -> int:
    """Put these in place of what covers most, the shortest first, as many as fit; how many that is."""
    lines, size = list[str](), 0
    for one in sorted(set(inputs), key=lambda each: (len(each), each)):
        line = base64.b64encode(one).decode()
        if size + len(line) > most_bytes:
            break
        lines.append(line)
        size += len(line) + 1
    path = _file(target, "covers")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return len(lines)


def _file(target: str, kind: str) -> Path:
    return FOLDER / target / f"{kind}.b64"


def _read(path: Path) -> list[bytes]:
    if not path.exists():
        return []
    lines = (line.strip() for line in path.read_text().splitlines())
    return [base64.b64decode(line, validate=True) for line in lines if line and not line.startswith("#")]
