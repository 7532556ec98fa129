"""First process in the network of the hosts: gives ports of theirs as Unix sockets, for those outside.

Started as `relay.py FOLDER ADDRESS:PORT…`. A Unix socket is a file, so it can be reached from another network. Ends
with its standard input.
"""

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

CONNECT_S = 2.0


async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Pass all on to the end, and the end too."""
    with suppress(ConnectionError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()


async def offer(folder: Path, address: str) -> None:
    """Listen at the file `address`, for what listens at this address in here."""
    host, _, port = address.partition(":")

    async def relay(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                far, forth = await asyncio.open_connection(host, int(port))
        except OSError:  # nobody there, or no way; a timeout is one too
            back.close()
            return
        await asyncio.gather(pump(near, forth), pump(far, back))

    await asyncio.start_unix_server(relay, folder / address)


async def main(folder: Path, addresses: list[str]) -> None:
    """Offer all until standard input ends."""
    for address in addresses:
        await offer(folder, address)
    (folder / "ready").touch()
    await asyncio.to_thread(os.read, sys.stdin.fileno(), 1)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
