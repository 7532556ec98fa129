"""`python -m fuzz.one TARGET FILE [libFuzzer's options] [FOLDER]`: one target under atheris, in this process.

The input that breaks a law is written into FILE: libFuzzer's own way of keeping it does not always come to its end.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["edge", "loadtest.scenario", "m3u8"]):
    from fuzz.targets import TARGETS


def main(name: str, finding: Path, *options: str) -> None:
    run = TARGETS[name].run

    def tried(data: bytes) -> None:
        try:
            run(data)
        except BaseException:
            finding.write_bytes(data)
            raise

    atheris.Setup([sys.argv[0], *options], tried)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
