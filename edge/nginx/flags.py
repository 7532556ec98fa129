"""Files that nginx looks for: how it learns of degraded service without asking anybody."""

from edge.nginx.names import Folder

RECORDED = "recorded"  # from level 3 on: what lies under `nginx.recorded` is refused
CACHED_ONLY = (
    "cached-only"  # at level 4, within a second: what nginx does not have is not asked for, but for playlists
)


class Flags:
    """The flags of this node.

    Args:
        folder: the shared one.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder.flags
        self._shown: dict[str, bool] = {}

    def show(self, name: str, raised: bool) -> None:
        """Raise or lower a flag, if it is not so already.

        Raises:
            OSError: the folder cannot be written.
        """
        if self._shown.get(name) is raised:
            return
        path = self._folder / name
        if raised:
            path.touch(mode=0o600)
        else:
            path.unlink(missing_ok=True)
        self._shown[name] = raised
