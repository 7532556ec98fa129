"""Flags over variables over a file, each error naming the field, where it was set, and what would be right."""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from edge.config.origins import FIELD as ORIGINS
from edge.config.origins import origin_servers
from edge.config.sections import DEFAULT_ORIGIN, Config
from edge.model import Address, ConfigError

ENV_PREFIX = "EDGE_"
# What Kubernetes puts into every pod for a Service whose name begins with "edge-" (as container links did).
_SERVICE_LINK = re.compile(r"_(SERVICE_(HOST|PORT\w*)|PORT(_\w+)?)$")
# These stand in nginx's configuration as they are.
_PREFIX = re.compile(r"/[A-Za-z0-9._~/-]+")
_FILE = re.compile(r"/[A-Za-z0-9._/+@-]+")


class FieldType(NamedTuple):
    """One setting, for makers of flags and documentation."""

    section: str
    name: str
    type: Any
    default: Any
    description: str

    @property
    def path(self) -> str:
        """`section.field`."""
        return f"{self.section}.{self.name}"

    @property
    def flag(self) -> str:
        """The command line's name of it."""
        return f"--{self.section}-{self.name}".replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment's name of it."""
        return f"{ENV_PREFIX}{self.section}_{self.name}".upper()


@dataclass(frozen=True, slots=True)
class Source:
    """Raw settings from one place.

    Args:
        values: raw values by `section.field`.
        describe: how the place is called in an error, with ``{flag}``, ``{variable}`` or ``{path}`` filled in.
    """

    values: Mapping[str, Any]
    describe: str

    @classmethod
    def flags(cls, values: Mapping[str, Any]) -> "Source":
        """What the command line said."""
        return cls(values, "{flag}")

    @classmethod
    def environment(cls, environ: Mapping[str, str]) -> "Source":
        """The EDGE_* variables that name a section; others (e.g. of tools around edge) are left alone.

        Raises:
            ConfigError: a variable names a section but no field of it.
        """
        known = {one.variable: one.path for one in field_types()}
        sections = tuple(f"{ENV_PREFIX}{one.name}_".upper() for one in fields(Config))
        values = {}
        for name, value in environ.items():
            if name in known:
                values[known[name]] = value
            elif name.startswith(sections) and not _SERVICE_LINK.search(name):
                raise ConfigError(name, "no such variable", _closest(name, list(known)))
        return cls(values, "{variable}")

    @classmethod
    def toml(cls, text: str, where: str) -> "Source":
        """A TOML file's contents; `where` is its name.

        Raises:
            ConfigError: no TOML, or an unknown section or field.
        """
        try:
            tables = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # of numbers without end, and of what nests without end
            raise ConfigError(
                where, f"no TOML: {error}", 'write [section] lines and field = "value" lines'
            ) from None
        known = [one.path for one in field_types()]
        sections = [one.name for one in fields(Config)]
        values = {}
        for section, table in tables.items():
            if section not in sections:
                raise ConfigError(f"{where}: [{section}]", "no such section", _closest(section, sections))
            if not isinstance(table, dict):
                raise ConfigError(f"{where}: {section}", "is a value", f"write it as a section: [{section}]")
            for name, value in table.items():
                if (path := f"{section}.{name}") not in known:
                    raise ConfigError(f"{where}: {path}", "no such field", _closest(path, known))
                values[path] = value
        return cls(values, f"{where}: {{path}}")


def field_types() -> list[FieldType]:
    """Every setting, in the order of the sections."""
    found = []
    for section, section_type in get_type_hints(Config).items():
        hints = get_type_hints(section_type, include_extras=True)
        for one in fields(section_type):
            default = one.default_factory() if one.default_factory is not MISSING else one.default
            meta = next(each for each in get_args(hints[one.name]) if isinstance(each, Meta))
            found.append(FieldType(section, one.name, hints[one.name], default, meta.description or ""))
    return found


def load(*sources: Source) -> Config:
    """One checked configuration; where several sources set a field, the first of them wins.

    Raises:
        ConfigError: a value of the wrong type or out of bounds, a missing one, or two that contradict each other.
    """
    sections: dict[str, dict[str, Any]] = {one.name: {} for one in fields(Config)}
    for one in field_types():
        source = next((each for each in sources if each.values.get(one.path) is not None), None)
        if source is not None:
            sections[one.section][one.name] = _convert(one, source)
        elif one.default is MISSING:
            raise ConfigError(one.path, "is not set", f"give {one.flag} or {one.variable}: {one.description}")
    hints = get_type_hints(Config)
    config = Config(**{name: hints[name](**values) for name, values in sections.items()})
    _check(config)
    return config


def _convert(one: FieldType, source: Source) -> Any:
    raw = source.values[one.path]
    where = source.describe.format(flag=one.flag, variable=one.variable, path=one.path)
    try:
        return msgspec.convert(_split(raw, one, where), one.type, strict=False)
    except msgspec.ValidationError as error:
        problem = str(error).replace("`", "").replace("Expected", "expected")
        raise ConfigError(where, f"{raw!r} does not fit: {problem}", one.description) from None


def _split(raw: Any, one: FieldType, where: str) -> Any:
    """Text of a list or of pairs, as flags and variables carry it."""
    kind = get_origin(get_args(one.type)[0])
    if not isinstance(raw, str) or kind not in (tuple, dict):
        return raw
    items = [item.strip() for item in raw.split(",") if item.strip()]
    if kind is tuple:
        return items
    pairs = [item.partition("=") for item in items]
    if not all(key and separator for key, separator, _ in pairs):
        raise ConfigError(where, f"{raw!r} has an item without =", "write k=v,k=v")
    return {key: value for key, _, value in pairs}


def _closest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are: {', '.join(sorted(known))}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address; names other than localhost count as reachable."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _check(config: Config) -> None:
    """Rules between fields: what is open to others needs a key, what is bound to any address an advertised one."""
    gossip, admin = config.gossip, config.admin
    _check_addresses(config)
    _check_tls(config)
    if config.cache.backend == "nginx":
        _check_nginx(config)
    for index, seed in enumerate(gossip.seeds):
        Address.parse(seed, f"gossip.seeds[{index}]")
    for field, bind in (("gossip.bind", gossip.bind), ("gossip.backup_bind", gossip.backup_bind)):
        if bind and not gossip.keys_file and not is_loopback(Address.parse(bind, field).host):
            raise ConfigError(
                "gossip.keys_file",
                f"is needed when {field} is {bind}",
                "`edge keygen > keys` makes one; share it",
            )
    tokens = admin.token_file or admin.tokens_file
    if not tokens and not is_loopback(Address.parse(admin.bind, "admin.bind").host):
        raise ConfigError(
            "admin.token_file",
            f"is needed when admin.bind is {admin.bind}",
            "put a long random word into a file of mode 0600",
        )
    _check_origins(config)
    _check_signing(config)
    for section, least, greatest in (
        ("gossip", "reconnect_min_s", "reconnect_max_s"),
        ("gossip", "tick_min_s", "tick_max_s"),
        ("gossip", "probe_period_s", "probe_period_quiet_s"),
        ("origin", "pause_min_s", "pause_max_s"),
    ):
        settings = getattr(config, section)
        if getattr(settings, least) > getattr(settings, greatest):
            raise ConfigError(
                f"{section}.{least}", f"is above {section}.{greatest}", "make it the smaller one"
            )


def _check_origins(config: Config) -> None:
    cache = config.cache
    origin_servers(cache.origin, cache.origins)
    if cache.origins and cache.origin != DEFAULT_ORIGIN:
        raise ConfigError(ORIGINS, "is given, and cache.origin too", "put that one into the list")


def _check_signing(config: Config) -> None:
    signing = config.signing
    if bool(signing.keys_file) != bool(signing.required_prefixes):
        given, lacking = ("keys_file", "required_prefixes")[:: 1 if signing.keys_file else -1]
        raise ConfigError(f"signing.{lacking}", f"is needed with signing.{given}", "give both or neither")
    for index, prefix in enumerate(signing.required_prefixes):
        if prefix != "/" and not _PREFIX.fullmatch(prefix):
            hint = "write a plain one, e.g. /live/, or / for all"
            raise ConfigError(
                f"signing.required_prefixes[{index}]", f"{prefix!r} is no prefix of a path", hint
            )


def _check_tls(config: Config) -> None:
    for section, settings in (("public", config.public), ("admin", config.admin)):
        for given, lacking in (("tls_cert_file", "tls_key_file"), ("tls_key_file", "tls_cert_file")):
            if getattr(settings, given) and not getattr(settings, lacking):
                raise ConfigError(
                    f"{section}.{lacking}", f"is needed with {section}.{given}", "give both or neither"
                )
        if settings.tls_cert_file and settings.advertise.startswith("http://"):
            raise ConfigError(
                f"{section}.advertise", f"is http:// where {section}.tls_cert_file is given", "write https://"
            )
    if config.admin.tls_client_ca_file and not config.admin.tls_cert_file:
        raise ConfigError(
            "admin.tls_client_ca_file", "is given without admin.tls_cert_file", "only TLS has certificates"
        )


def _check_nginx(config: Config) -> None:
    """What nginx is told must be settled before both start; who comes by loopback is believed whom he speaks for."""
    nginx = config.nginx
    if not nginx.folder:
        raise ConfigError(
            "nginx.folder", "is needed with cache.backend = nginx", "name a folder of this node"
        )
    for field in ("tls_cert_file", "tls_key_file"):
        if (given := getattr(config.public, field)) and not _FILE.fullmatch(given):
            hint = "write an absolute path of letters, digits and ._/+@-"
            raise ConfigError(f"public.{field}", f"{given!r} cannot stand in nginx's configuration", hint)
    for field, bind in (
        ("public.bind", config.public.bind),
        ("nginx.bind", nginx.bind),
        ("nginx.status_bind", nginx.status_bind),
    ):
        address = Address.parse(bind, field)
        if not address.port:
            raise ConfigError(field, "has port 0", "with cache.backend = nginx, give it a number")
        if field != "public.bind" and not is_loopback(address.host):
            raise ConfigError(field, f"{bind} is open to others", "bind it to 127.0.0.1 or [::1]")
    for index, prefix in enumerate(nginx.recorded):
        if not _PREFIX.fullmatch(prefix):
            hint = "write a plain one, e.g. /vod/"
            raise ConfigError(f"nginx.recorded[{index}]", f"{prefix!r} is no prefix of a path", hint)


def _check_addresses(config: Config) -> None:
    gossip = config.gossip
    for field, bind, advertised, advertise, example in (
        ("gossip.bind", gossip.bind, "gossip.advertise", gossip.advertise, "10.0.0.7:7700"),
        (
            "gossip.backup_bind",
            gossip.backup_bind,
            "gossip.backup_advertise",
            gossip.backup_advertise,
            "10.9.0.7:7709",
        ),
        (
            "public.bind",
            config.public.bind,
            "public.advertise",
            config.public.advertise,
            "http://10.0.0.7:7780",
        ),
        ("admin.bind", config.admin.bind, "admin.advertise", config.admin.advertise, "http://10.0.0.7:7701"),
    ):
        if bind and _is_wildcard(Address.parse(bind, field).host) and not advertise:
            raise ConfigError(
                advertised, f"is needed when {field} is {bind}", f"say how others reach it, e.g. {example}"
            )
        if advertise and field.startswith("gossip."):
            Address.parse(advertise, advertised)
    if gossip.backup_advertise and not gossip.backup_bind:
        raise ConfigError(
            "gossip.backup_advertise", "is given without gossip.backup_bind", "say where to listen, too"
        )
