"""The admin port as a whole: its files, who is let in, and its connections."""

import asyncio
import logging
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from edge.cache.upstream import PeerTls
from edge.config import AdminConfig
from edge.shell.doors import IDLE_S, LINGER_S, Count, Doors
from edge.shell.warden import Warden

LOOK_EVERY_S = 2.0
_HEADERS_MAX = 64
_LINE_MAX_BYTES = 8190


class _Malformed(logging.Filter):
    """Counts what is no HTTP, in place of a traceback that whoever reaches the port could have us write.

    Args:
        count: hears of it.
    """

    def __init__(self, count: Count) -> None:
        super().__init__()
        self._count = count

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is something else, and to be logged."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        self._count("malformed", str(record.args[0]) if isinstance(record.args, tuple) else "")
        return False


class AdminPort:
    """What of the admin port is there before it answers.

    Args:
        config: its settings.

    Raises:
        ConfigError: a file cannot be used.
    """

    def __init__(self, config: AdminConfig) -> None:
        self.warden = Warden(config)
        self.doors = self.warden.doors = Doors(
            config.connections_max, lambda: self.warden.tls.server, self.warden.count
        )

        self._log = logging.Logger(
            "edge.shell.adminport.http"
        )  # of this port only: filters stay with a logger
        self._log.parent = logging.getLogger("edge")
        self._log.addFilter(_Malformed(self.warden.count))

    @property
    def peers(self) -> PeerTls:
        """How other nodes' admin ports are verified."""
        return self.warden.tls.peers

    async def open(
        self, stack: AsyncExitStack, app: web.Application, sock: socket.socket, close_s: float
    ) -> list[asyncio.Task[None]]:
        """Answer at a socket until the stack ends.

        Args:
            stack: ends it.
            app: answers.
            sock: listens.
            close_s: for requests in flight, at the end.

        Returns:
            What runs as long.
        """
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=self._log,
            handle_signals=False,
            shutdown_timeout=close_s,
            keepalive_timeout=IDLE_S,
            lingering_time=LINGER_S,
            max_line_size=_LINE_MAX_BYTES,
            max_field_size=_LINE_MAX_BYTES,
            max_headers=_HEADERS_MAX,
            auto_decompress=False,  # a small body that grows is nobody's order
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        made = runner.server
        assert made is not None
        jobs = (self.doors.run(sock, made), self.warden.files.run(LOOK_EVERY_S))
        return [asyncio.create_task(job) for job in jobs]


def of_admin(port: AdminPort, origins: Mapping[str, int]) -> list[Metric]:
    """What is counted of it.

    Args:
        port: the admin port.
        origins: of events, as `EventActor` counts them.
    """
    warden = port.warden
    acted = CounterMetricFamily(
        "edge_events_acted",
        "Durable events acted on, by the node that accepted them.",
        labels=["accepted_by"],
    )
    for node, count in origins.items():
        acted.add_metric([node], count)
    answers = CounterMetricFamily(
        "edge_admin_requests", "Requests answered at the admin port, by class of status.", labels=["code"]
    )
    for code, count in warden.counters.answers.items():
        answers.add_metric([code], count)
    refused = CounterMetricFamily(
        "edge_admin_refused", "Requests and connections refused at the admin port.", labels=["reason"]
    )
    for reason, count in warden.counters.refused.items():
        refused.add_metric([reason], count)
    found: list[Metric] = [acted, answers, refused]
    found += [
        CounterMetricFamily("edge_admin_orders", "Orders written down.", value=warden.audit.count),
        GaugeMetricFamily("edge_admin_connections", "Connections to the admin port.", value=len(port.doors)),
        CounterMetricFamily(
            "edge_admin_connections_accepted", "Connections taken there so far.", value=port.doors.accepted
        ),
        CounterMetricFamily(
            "edge_admin_reloads",
            "Changed files of tokens and certificates that were read.",
            value=warden.files.reloads,
        ),
        CounterMetricFamily(
            "edge_admin_reload_failures",
            "Changed files of tokens and certificates that could not be used.",
            value=warden.files.failures,
        ),
    ]
    if warden.tls.expires_s is not None:
        found.append(
            GaugeMetricFamily(
                "edge_admin_certificate_expiry_timestamp_seconds",
                "When the certificate of the admin port expires, seconds since 1970.",
                value=warden.tls.expires_s,
            )
        )
    return found
