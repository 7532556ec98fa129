"""`python -m fuzz.one TARGET FILE [libFuzzer's options] [FOLDER]`: one target under atheris, in this process.

The input that breaks a law is written into FILE: libFuzzer's own way of keeping it does not always come to its end.
"""

import random
import shlex
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["edge", "loadtest.scenario", "m3u8"]):
    from fuzz import corpus
    from fuzz.targets import TARGETS

ANEW = 0.3  # of the inputs are made of well-formed ones


def main(name: str, finding: Path, *options: str) -> None:
    run = TARGETS[name].run

    def tried(data: bytes) -> None:
        try:
            run(data)
        except BaseException:
            finding.write_bytes(data)
            raise

    known = [*TARGETS[name].seeds(), *corpus.kept(name)]

    def mutated(data: bytes, most_bytes: int, seed: int) -> bytes:
        """libFuzzer forgets what reaches no new branch, and of a decoder in C it sees none: begin anew at times."""
        rng = random.Random(seed)
        begun = rng.choice(known) if rng.random() < ANEW else data
        made: bytes = atheris.Mutate(begun[:most_bytes], most_bytes)
        return made

    again = shlex.join(
        [sys.executable, "-m", "fuzz.one", name, str(finding)]
    )  # so a merge starts this by a shell
    atheris.Setup([again, *options], tried, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
