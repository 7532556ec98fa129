"""Keys and tokens as a signer makes them."""

import time
from pathlib import Path
from typing import Any

import msgspec

from edge.config import SigningConfig
from edge.shell.signing.container import everything_below
from edge.shell.signing.keys import Key, new_key, public_part, read_keys
from edge.shell.signing.token import made

HOST = "https://video.example.com"
LIVE = everything_below(f"{HOST}/live/")


class Signer:
    """Holds a key; the file is what nodes are given, without what signs where there is such a part."""

    def __init__(self, folder: Path, algorithm: str = "HS256", name: str = "keys.json") -> None:
        self.jwk = new_key(algorithm)
        own, self.file = folder / f"own-{name}", folder / name
        own.write_bytes(msgspec.json.encode({"keys": [self.jwk]}))
        self.key: Key = read_keys(str(own))[0]
        given = self.jwk if algorithm == "HS256" else public_part(self.jwk)
        self.file.write_bytes(msgspec.json.encode({"keys": [given]}))

    @property
    def keys(self) -> tuple[Key, ...]:
        """As a node has them."""
        return read_keys(str(self.file))

    def config(self, **more: Any) -> SigningConfig:
        """Of a node that wants tokens for /live/."""
        settings = {"keys_file": str(self.file), "required_prefixes": ("/live/",), "authority": HOST, **more}
        return SigningConfig(**settings)

    def token(self, **claims: Any) -> str:
        """Good for /live/ and an hour; None leaves a claim out."""
        whole = {"exp": int(time.time()) + 3600, "cdniv": 1, "cdniuc": LIVE, **claims}
        return made({name: value for name, value in whole.items() if value is not None}, self.key)
