"""`python -m fuzz.one TARGET [libFuzzer's options] [FOLDER]`: one target under atheris, in this process."""

import sys

import atheris

with atheris.instrument_imports(include=["edge", "loadtest.scenario", "m3u8"]):
    from fuzz.targets import TARGETS

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target.run)
    atheris.Fuzz()
