import pytest

from edge.origin import media
from edge.origin.media import Library


@pytest.fixture(scope="session")
def library() -> Library:
    return media.load()
