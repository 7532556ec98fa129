"""The release that most tests share."""

from dataclasses import dataclass

from helm.render import Values
from kube.beside import Observer
from kube.programs import until
from kube.releases import Pod, Release

AGREED_S = 60.0
# The stream; and a restart of all pods in less time than the default would take.
STREAM: Values = {"demo": {"origin": {"enabled": True}}, "minReadySeconds": 1}


@dataclass
class Live:
    """A release with a stream, and what was seen when it was upgraded to have one."""

    release: Release
    observer: Observer
    key_before: dict[str, str]
    key_after: dict[str, str]
    uids_before: set[str]
    uids_after: set[str]

    @classmethod
    def of(cls, release: Release) -> "Live":
        """Upgrade a release that has no stream."""
        key, uids = release.secret("edge-keys"), {pod.uid for pod in release.pods()}
        release.upgrade(STREAM)
        observer = Observer(release)
        observer.start()
        after = {pod.uid for pod in release.pods()}
        return cls(release, observer, key, release.secret("edge-keys"), uids, after)

    def names(self, count: int) -> list[str]:
        """Of the first pods."""
        return [f"{self.release.fullname}-{number}" for number in range(count)]

    def scale(self, count: int) -> None:
        """Have this many nodes, ready and of one mind."""
        if len(self.release.pods()) != count:
            self.release.upgrade({"replicas": count})
        self.agree(count)

    def agree(self, count: int = 3, within_s: float = AGREED_S) -> None:
        """Wait until just the first `count` are there and each holds just these alive."""
        names = self.names(count)
        until(lambda: self.observer.agreed(names), within_s, f"each sees {', '.join(names)} alive")

    def is_back(self, gone: Pod) -> bool:
        """Whether another pod of this name is ready."""
        pod = self.release.pod(gone.name)
        return pod is not None and pod.uid != gone.uid and pod.ready
