"""Style as a test: the rules of the house hold everywhere, and each rule is known to be able to fail."""

import re
from pathlib import Path

import pytest

import house
from house import Rule, Source

ROOT = Path(__file__).resolve().parent.parent
DECISIONS = "docs/decisions"


def sources(*tops: str) -> list[Source]:
    """The Python files below `tops`, as paths from the project's root."""
    paths = sorted(path for top in tops for path in (ROOT / top).rglob("*.py"))
    return [Source(path.relative_to(ROOT), path.read_text("utf-8")) for path in paths]


PRODUCT = sources("edge")
ALL = sources("edge", "loadtest", "tests")
EVERYWHERE = {house.long_module, house.long_function, house.many_parameters, house.left_over}


@pytest.mark.parametrize("rule", house.RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule: Rule) -> None:
    scope = ALL if rule in EVERYWHERE else PRODUCT
    offences = [f"{one.path}:{line}: {wrong}" for one in scope for line, wrong in rule(one)]
    assert not offences, "\n" + "\n".join(offences)


def function(parameters: str = "", body: str = "    pass") -> str:
    return f"def f({parameters}):\n{body}\n"


BAD = [
    (house.long_module, "pass\n" * 401),
    (house.long_function, function(body="    pass\n" * 70)),
    (house.many_parameters, function("a, b, c, d, e, f")),
    (house.many_parameters, "class A:\n    def f(self, a, b, /, c, d, e, f): ..."),
    (house.many_parameters, "class A:\n    @staticmethod\n    def f(a, b, c, d, e, f): ..."),
    (house.impure_core, "import random\nrandom.random()"),
    (house.impure_core, "import random as r\nchoose = r.choice"),
    (house.impure_core, "from random import shuffle\nshuffle([])"),
    (house.impure_core, "import random\nrandom.Random.__init__\nrandom.seed(1)"),
    (house.impure_core, "import time\nnow = time.monotonic()"),
    (house.impure_core, "from time import monotonic as clock\ndef f(now=clock): ..."),
    (house.impure_core, "from datetime import datetime\ndatetime.now()"),
    (house.impure_core, "import os\nos.urandom(8)"),
    (house.impure_core, "import uuid\nuuid.uuid4()"),
    (house.impure_core, "order = hash('name')"),
    (house.iterates_over_set, "for x in {1, 2}: ..."),
    (house.iterates_over_set, "for x in set('ab'): ..."),
    (house.iterates_over_set, "[x for x in {y for y in 'ab'}]"),
    (house.iterates_over_set, "def f(a: set[str]):\n    return list(a)"),
    (house.iterates_over_set, "def f(a, b):\n    c = set(a) - set(b)\n    for x in c: ..."),
    (house.iterates_over_set, "for x in a.keys() - b: ..."),
    (
        house.iterates_over_set,
        "class A:\n    names: frozenset[str]\n    def f(self):\n        ','.join(self.names)",
    ),
    (house.iterates_over_set, "class A:\n    def f(self):\n        self.a = set()\n        print(*self.a)"),
    (house.left_over, "pass  # TO" + "DO: later"),
    (house.undocumented, "x = 1"),
    (house.undocumented, '"""Module."""\ndef f(): ...'),
    (house.undocumented, '"""Module."""\nclass A:\n    """A."""\n    def f(self): ...'),
    (house.silent_room, '"""The protocol."""'),
]

GOOD = [
    (house.long_function, function(body="    pass\n" * 69)),
    (house.many_parameters, "class A:\n    def f(self, a, b, c, d, e): ..."),
    (house.many_parameters, "@click.command()\ndef f(a, b, c, d, e, f): ..."),
    (house.impure_core, "import random\ndef f(r: random.Random):\n    return r.random()"),
    (house.impure_core, "def f(time):\n    return time.now"),
    (house.iterates_over_set, "for x in sorted({1, 2}): ..."),
    (house.iterates_over_set, "def f(a: set[int]): ...\ndef g(a: list[int]):\n    for x in a: ..."),
    (house.iterates_over_set, "present = 1 in {1, 2} and any(x for x in [1])"),
    (house.undocumented, '"""Module."""\ndef _f(): ...\nclass _A: ...'),
    (house.silent_room, '"""The protocol. No clock here."""'),
]


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_rule_finds_what_is_wrong(rule: Rule, text: str) -> None:
    assert list(rule(Source(Path("edge/gossip/__init__.py"), text)))


@pytest.mark.parametrize(("rule", "text"), GOOD)
def test_rule_lets_pass_what_is_right(rule: Rule, text: str) -> None:
    assert not list(rule(Source(Path("edge/gossip/__init__.py"), text)))


def test_rules_of_the_core_do_not_bind_the_shell() -> None:
    clock = Source(Path("edge/shell/udp.py"), "import time\nnow = time.monotonic()\nlist({1})")
    assert not [*house.impure_core(clock), *house.iterates_over_set(clock)]


def test_every_module_is_imported_or_started() -> None:
    assert not [str(source.path) for source in house.dead_modules(PRODUCT)]


def test_a_dead_module_is_found() -> None:
    texts = {"edge/a.py": "", "edge/b.py": "import edge.b\nfrom edge import c", "edge/c.py": ""}
    made = [Source(Path(path), text) for path, text in texts.items()]
    assert [source.name for source in house.dead_modules(made)] == ["edge.a", "edge.b"]


def test_every_room_has_tests() -> None:
    rooms = sorted(path.parent.name for path in ROOT.glob("edge/*/__init__.py"))
    assert not [room for room in rooms if not list(ROOT.glob(f"tests/{room}/**/test_*.py"))]


def test_tests_are_no_packages() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py")), "pytest runs with importmode=importlib"


def gaps(names: list[str]) -> list[str]:
    """Decision files whose number is not the one after the last."""
    return [name for number, name in enumerate(sorted(names), 1) if not name.startswith(f"{number:04}-")]


def test_decisions_are_numbered_without_gaps_and_linked() -> None:
    names = [path.name for path in (ROOT / DECISIONS).glob("*.md")]
    assert names
    assert not gaps(names)
    architecture = (ROOT / "docs/ARCHITECTURE.md").read_text("utf-8")
    assert not [name for name in names if f"(decisions/{name})" not in architecture]


def test_a_gap_in_the_decisions_is_found() -> None:
    assert gaps(["0001-a.md", "0003-b.md"]) == ["0003-b.md"]
    assert gaps(["0001-a.md", "0001-b.md"]) == ["0001-b.md"]


def broken_links(page: Path, text: str) -> list[str]:
    """Relative links and images of a page that lead nowhere."""
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)|(?:src|srcset|href)=\"([^\"#]+)\"", text)
    links = [one or other for one, other in targets]
    return [link for link in links if "://" not in link and not (page.parent / link).exists()]


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {link}" for page in pages for link in broken_links(page, page.read_text())
    ]
    assert not broken


def test_a_broken_link_is_found() -> None:
    text = '[a](no-such.md#x) <img src="nor.svg"> [b](https://example.org) [c](README.md)'
    assert broken_links(ROOT / "README.md", text) == ["no-such.md", "nor.svg"]


def targets_of(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z][a-z0-9-]*):", makefile, re.MULTILINE))


def named_targets(text: str) -> set[str]:
    """What a page in Markdown tells to type after `make`, in code only."""
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    return {word for line in re.findall(r"\bmake((?: [a-z][a-z0-9-]*)+)", code) for word in line.split()}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_make_targets_that_pages_name_exist(page: str) -> None:
    named = named_targets((ROOT / page).read_text("utf-8"))
    assert named
    assert not named - targets_of((ROOT / "Makefile").read_text("utf-8"))


def test_a_missing_make_target_is_found() -> None:
    assert named_targets("`make fly` and make sense\n```\nmake run ARGS=1\n```") == {"fly", "run"}
    assert targets_of("run: x\n\t@echo\nVENV := y\n") == {"run"}


def registries(lock: str) -> list[str]:
    """Lines of a lock file that say where packages come from."""
    return re.findall(r"^.*://.*$|^ *-(?:i|f|-[a-z-]*(?:index|find-links|host)).*$", lock, re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+(?:\[[^\]]+\])?)==(\S+)", lock, re.MULTILINE))


LOCKS = [
    "requirements-dev.lock",
    "requirements.lock",
    "requirements-tracing.lock",
    "loadtest/requirements.lock",
]


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files_name_no_registry_and_have_digests(name: str) -> None:
    lock = (ROOT / name).read_text("utf-8")
    assert not registries(lock)
    pinned = re.findall(
        r"^[a-z0-9.-]+(?:\[[^\]]+\])?==.*", lock, re.MULTILINE
    )  # one package may differ by Python
    assert len(re.findall(r"==.*\\\n    --hash=sha256:", lock)) == len(pinned) > 0


def test_development_has_what_runs_elsewhere() -> None:
    development, *others = (pins((ROOT / name).read_text("utf-8")) for name in LOCKS)
    for one in others:
        assert not one.items() - development.items()


def test_a_registry_in_a_lock_file_is_found() -> None:
    assert registries("--index-url x\nclick==8\n  --find-links y\nz @ https://example.org/z.whl") == [
        "--index-url x",
        "  --find-links y",
        "z @ https://example.org/z.whl",
    ]
    assert not registries("click==8.1 \\\n    --hash=sha256:00\n    # via edge-coordinator (pyproject.toml)")
