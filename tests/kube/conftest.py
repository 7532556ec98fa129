"""The end-to-end suite: a real cluster, the real chart, the real image. `make e2e` prepares both; see the Makefile.

KUBECONFIG         the cluster
E2E_FAULTS         a program that stops machines, cuts zones and pauses the API server (faults.py); without it the
                   tests that need it are not collected, nor is the autoscaler's on a cluster without metrics
E2E_NGINX_IMAGE    nginx's image, REGISTRY/NAME:TAG, where the cluster does not reach that of the chart
E2E_PROMETHEUS_IMAGE  likewise Prometheus's, where the cluster does not reach that of manifests/monitoring
E2E_API_PAUSE_S    how long the API server stands still, seconds (120)
E2E_KEEP=1         leave everything where it is when the tests end
"""

import functools
import os
import shutil
from collections.abc import Callable, Generator, Iterator

import pytest

from kube.beside import Audience, Observer, Viewers
from kube.faults import Faults
from kube.live import Live
from kube.programs import CommandError, kubectl
from kube.releases import Namespaces, Release, Space

# What spoils nothing first; what hurts the whole cluster last.
ORDER = (
    "install",
    "chart",
    "advertise",
    "apart",
    "upgrade",
    "nginx",
    "drive",
    "monitoring",
    "keys",
    "scale",
    "failure",
    "monsoon",
    "faults",
)
TEST_S = 420
TAIL = 60

_NAMESPACES = Namespaces()
_SEEN: list[str] = []


@functools.cache
def _has_metrics() -> bool:
    """Whether the cluster measures what pods use."""
    try:
        return bool(kubectl("get", "--raw", "/apis/metrics.k8s.io/v1beta1", within_s=20))
    except CommandError:
        return False


def pytest_report_header() -> list[str]:
    """Which cluster, and what is not tested on it."""
    cluster = (
        f"cluster: {os.environ.get('KUBECONFIG', 'of ~/.kube/config')}, namespaces e2e-{_NAMESPACES.run}-*"
    )
    faults = os.environ.get("E2E_FAULTS") or "E2E_FAULTS is not set, so tests that need it are not collected"
    metrics = "yes" if _has_metrics() else "none, so the autoscaler's test is not collected"
    return [cluster, f"faults: {faults}", f"metrics: {metrics}"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the files; leave out what needs faults where there are none."""
    items.sort(key=lambda item: ORDER.index(item.path.stem.removeprefix("test_")))
    for item in items:
        item.add_marker(pytest.mark.timeout(TEST_S))  # a test's own mark comes before it
    lacking = {"faults"} if not os.environ.get("E2E_FAULTS") else set()
    lacking |= {"metrics"} if not _has_metrics() else set()
    needing = [item for item in items if lacking & {*getattr(item, "fixturenames", ())}]
    if needing:
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows pods, events and logs of all namespaces of the run."""
    report = yield
    if report.failed:
        for namespace in _NAMESPACES.made:
            report.sections.append((f"namespace {namespace}", _state(namespace)))
    return report


def _state(namespace: str) -> str:
    """What a person would look at first."""
    where = ["-n", namespace]
    shown = [
        _shown("get", "pods", "-o", "wide", *where),
        _shown("get", "events", "--sort-by=.lastTimestamp", *where, tail=TAIL),
    ]
    for pod in _shown("get", "pods", "-o", "name", *where).split():
        words = ["logs", pod, "--all-containers", f"--tail={TAIL}", *where]
        shown += [f"--- {pod}", _shown(*words)]
    return "\n".join(shown)


def _shown(*words: str, tail: int = 10_000) -> str:
    try:
        return "\n".join(kubectl(*words, within_s=20).splitlines()[-tail:])
    except CommandError as error:
        return str(error)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests saw, in figures."""
    if _SEEN:
        terminalreporter.section("seen")
        for line in _SEEN:
            terminalreporter.line(line)


@pytest.fixture
def saw(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Notes a figure for the summary."""
    return lambda text: _SEEN.append(f"{request.node.name}: {text}")


@pytest.fixture(scope="session", autouse=True)
def cluster() -> Iterator[None]:
    """The programs are there and the cluster answers; what was made on it goes in the end."""
    missing = [name for name in ("kubectl", "helm") if shutil.which(name) is None]
    assert not missing, f"not on PATH: {', '.join(missing)}"
    kubectl("get", "nodes", within_s=20)
    yield
    if not os.environ.get("E2E_KEEP"):
        for namespace in list(_NAMESPACES.made):
            _NAMESPACES.remove(namespace, wait=False)


@pytest.fixture(scope="session")
def namespaces() -> Namespaces:
    """Makes namespaces that stay until the end."""
    return _NAMESPACES


@pytest.fixture
def space() -> Iterator[Space]:
    """Makes namespaces that go when the test ends well or not; a failed test's report has been made by then."""
    made: list[str] = []

    def make(purpose: str, level: str = "restricted") -> str:
        made.append(_NAMESPACES.make(purpose, level=level))
        return made[-1]

    yield make
    if not os.environ.get("E2E_KEEP"):
        for name in made:
            _NAMESPACES.remove(name, wait=False)


@pytest.fixture(scope="session")
def bare() -> tuple[Release, float]:
    """`helm install edge helm/edge`, nothing set, where the restricted level is enforced; and how long it took."""
    release = Release(_NAMESPACES.make("live"))
    return release, release.install()


@pytest.fixture(scope="session")
def live_once(bare: tuple[Release, float]) -> Live:
    """The same release, upgraded to have a stream, and an observer beside it."""
    return Live.of(bare[0])


@pytest.fixture
def live(live_once: Live) -> Live:
    """Three nodes with a stream, of one mind, and an observer."""
    live_once.scale(3)
    return live_once


@pytest.fixture
def viewers(live: Live) -> Iterator[Audience]:
    """Viewers of that stream, for one test."""
    made = []

    def start(count: int, zone: str = "") -> Viewers:
        made.append(Viewers(live.release, count, zone))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        one.stop()


@pytest.fixture
def observed() -> Callable[[Release], Observer]:
    """Puts an observer beside a release."""

    def start(release: Release) -> Observer:
        made = Observer(release)
        made.start()
        return made

    return start


@pytest.fixture(scope="session")
def metrics() -> None:
    """Asks for a cluster that measures what pods use."""


@pytest.fixture(scope="session")
def faults() -> Faults:
    """Asks for E2E_FAULTS."""
    return Faults(os.environ["E2E_FAULTS"])
