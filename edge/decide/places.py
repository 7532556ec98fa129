"""Where an address is: a table of networks, asked for the longest prefix that holds it. IPv4 and IPv6.

A table has one dictionary for each length of prefix in it, so a question costs as many looks as there are lengths,
whatever the number of networks.
"""

import functools
import ipaddress
import re
from typing import Generic, TypeVar

from edge.decide.routing.question import Place
from edge.model import NAME_MAX_BYTES, ConfigError

NETWORKS_MAX = 250_000
FILE_MAX_BYTES = 32 * 1024 * 1024
_BITS = {4: 32, 6: 128}
_NOTHING = "-"  # a column that says nothing
_LINE = "write: prefix zone isp region, e.g. 103.21.0.0/16 mumbai jio west; - stands for what is not known"
_SEPARATOR = re.compile(r"[\s,;]+")

Value = TypeVar("Value")


@functools.lru_cache(maxsize=8192)
def address_of(text: str) -> tuple[int, int] | None:
    """Version and number of an address as it is written; an IPv4 address in IPv6 is one of IPv4. None: it is none."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return (found.version, int(found))


class PrefixTable(Generic[Value]):
    """Values by network."""

    def __init__(self) -> None:
        self._tables: dict[int, list[tuple[int, dict[int, Value]]]] = {4: [], 6: []}  # longest prefix first
        self._count = 0

    def put(self, network: ipaddress.IPv4Network | ipaddress.IPv6Network, value: Value) -> bool:
        """Enter a network; False, and nothing is changed, if it is there already."""
        shift = _BITS[network.version] - network.prefixlen
        tables = self._tables[network.version]
        table = next((held for each, held in tables if each == shift), None)
        if table is None:
            table = {}
            tables.append((shift, table))
            tables.sort(key=lambda one: one[0])
        key = int(network.network_address) >> shift
        if key in table:
            return False
        table[key] = value
        self._count += 1
        return True

    def find(self, address: str) -> Value | None:
        """What stands at the longest prefix that holds an address; None if there is none, or it is no address."""
        parsed = address_of(address) if self._count else None
        if parsed is None:
            return None
        version, number = parsed
        for shift, table in self._tables[version]:
            found = table.get(number >> shift)
            if found is not None:
                return found
        return None

    def __len__(self) -> int:
        return self._count


def network_of(text: str, where: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A network, or a single address.

    Raises:
        ConfigError: at `where`, it is neither.
    """
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        hint = "write e.g. 10.0.0.0/8 or 2001:db8::/32"
        if "host bits" in str(error):
            hint = f"write {ipaddress.ip_network(text, strict=False)}, or the prefix that is meant"
        raise ConfigError(where, f"{text!r} is no network", hint) from None


def networks_of(texts: tuple[str, ...], field: str) -> PrefixTable[bool]:
    """A set of networks, from a setting.

    Raises:
        ConfigError: one of them is no network.
    """
    table = PrefixTable[bool]()
    for index, text in enumerate(texts):
        table.put(network_of(text, f"{field}[{index}]"), True)
    return table


def read_places(text: str, where: str) -> PrefixTable[Place]:
    """A table of places: a line for each network, `prefix zone isp region`, parted by blanks, commas or semicolons.

    What is not known is `-`, or left out at the end. From # on a line is a remark.

    Args:
        text: of the file.
        where: its name.

    Raises:
        ConfigError: naming the first line that cannot be used.
    """
    table, known = PrefixTable[Place](), dict[tuple[str, str, str], Place]()
    for number, line in enumerate(text.splitlines(), 1):
        words = _SEPARATOR.split(line.partition("#")[0].strip())
        if words == [""]:
            continue
        spot = f"{where}:{number}"
        if not 2 <= len(words) <= 4:
            raise ConfigError(spot, f"has {len(words)} columns", _LINE)
        network = network_of(words[0], spot)
        zone, isp, region = ("" if word == _NOTHING else word for word in [*words[1:], "-", "-"][:3])
        if any(len(word.encode()) > NAME_MAX_BYTES for word in (zone, isp, region)):
            raise ConfigError(spot, "has a name that is too long", f"at most {NAME_MAX_BYTES} B")
        place = known.setdefault((zone, region, isp), Place(zone, region, isp))  # one object for all alike
        if not table.put(network, place):
            raise ConfigError(spot, f"{network} is there twice", "leave one of them out")
        if len(table) > NETWORKS_MAX:
            raise ConfigError(spot, f"more than {NETWORKS_MAX:,} networks", "join those that are alike")
    return table
