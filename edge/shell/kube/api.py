"""The API server: five requests, each with a timeout and a bound on what is read.

The one module that imports the client library; import it only where discovery is on. The library finds and renews
credentials and makes the connections. Answers are read here: its own models would refuse a value they do not know yet.
"""

import asyncio
import math
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from aiohttp import ClientError, ClientResponse
from aiohttp.http_exceptions import LineTooLong
from kubernetes.aio.client import ApiClient, Configuration, CoreV1Api, DiscoveryV1Api
from kubernetes.aio.client.exceptions import OpenApiException
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from edge.model import ConfigError
from edge.shell.kube.resources import (
    SERVICE_LABEL,
    ZONE_LABEL,
    ApiError,
    Change,
    Kind,
    Named,
    SliceList,
    UnreadableError,
    failure,
    read,
)

ANSWER_S: Final = 10.0  # for an answer, or for the beginning of a watch
BODY_MAX_BYTES = 16 << 20  # a list of ten thousand pods is about 4 MB
LINE_MAX_BYTES = 1 << 20  # of a watch: a slice holds at most a thousand pods, about 400 kB
_TROUBLES = (ClientError, OSError, ConfigException, OpenApiException)  # OSError: timeouts too


class Api:
    """What one pod asks of the API server. Every method raises ApiError, and nothing else, when it fails.

    Args:
        client: with credentials and connections.
        namespace: of everything that is asked for, but machines.
    """

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._core = CoreV1Api(client)
        self._discovery = DiscoveryV1Api(client)
        self._namespace = namespace

    async def slices(self, service: str) -> SliceList:
        """All EndpointSlices of a Service, as they are now."""
        request = self._discovery.list_namespaced_endpoint_slice_without_preload_content(
            self._namespace,
            label_selector=f"{SERVICE_LABEL}={service}",
            timeout_seconds=math.ceil(ANSWER_S),
            _request_timeout=ANSWER_S,
        )
        return await _answer(request, SliceList)

    async def watch(self, service: str, version: str, seconds: int) -> AsyncGenerator[Change]:
        """Changes of a Service's EndpointSlices after `version`, for about `seconds`."""
        request = self._discovery.list_namespaced_endpoint_slice_without_preload_content(
            self._namespace,
            label_selector=f"{SERVICE_LABEL}={service}",
            resource_version=version,
            allow_watch_bookmarks=True,
            watch=True,
            timeout_seconds=seconds,
            _request_timeout=seconds + ANSWER_S,
        )
        with _told():
            async with asyncio.timeout(ANSWER_S):
                response = await request
            async with response:
                await _granted(response)
                while (line := await response.content.readline()).endswith(b"\n"):
                    yield read(line, Change)

    async def zone_of(self, machine: str) -> str:
        """The zone label of a Kubernetes node; needs a role of the whole cluster. Empty if it has none."""
        request = self._core.read_node_without_preload_content(machine, _request_timeout=ANSWER_S)
        found = await _answer(request, Named)
        return (found.metadata.labels or {}).get(ZONE_LABEL, "")

    async def create_event(self, event: dict[str, Any]) -> None:
        """Write an Event (core/v1)."""
        request = self._core.create_namespaced_event_without_preload_content(
            self._namespace,
            event,  # type: ignore[arg-type]  # it is serialized as it is; the library's model adds nothing
            _request_timeout=ANSWER_S,
        )
        await _answer(request, Named)


@asynccontextmanager
async def connect(namespace: str) -> AsyncIterator[Api]:
    """The API server that the pod's service account leads to or, outside of a pod, the kubeconfig.

    Raises:
        ConfigError: there is neither.
    """
    async with ApiClient(await _configuration()) as client:
        client.user_agent = "edge"  # in the API server's audit log
        yield Api(client, namespace)


async def _configuration() -> Configuration:
    settings = Configuration()
    try:
        load_incluster_config(settings)  # type: ignore[no-untyped-call]
    except ConfigException as inside:
        try:
            await load_kube_config(  # type: ignore[no-untyped-call]
                os.environ.get("KUBECONFIG"), client_configuration=settings, persist_config=False
            )
        except Exception as outside:  # its parsers raise what they like
            raise ConfigError(
                "kubernetes.discovery",
                f"finds no service account ({inside}) and no kubeconfig ({outside})",
                "run in a pod with automountServiceAccountToken: true, or name a kubeconfig in KUBECONFIG",
            ) from None
    # Python 3.13 refuses a CA without a key identifier, which many clusters have; chain and name are still checked
    settings.disable_strict_ssl_verification = True
    settings.client_session_kwargs = {"read_bufsize": LINE_MAX_BYTES // 2}  # a line may be twice as long
    return settings


@contextmanager
def _told() -> Iterator[None]:
    """Whatever goes wrong on the way, as an ApiError."""
    try:
        yield
    except _TROUBLES as error:
        raise ApiError(0, str(error) or type(error).__name__) from None
    except LineTooLong:
        raise UnreadableError(f"a line of more than {LINE_MAX_BYTES} bytes") from None


async def _answer(request: Awaitable[ClientResponse], kind: type[Kind]) -> Kind:
    with _told():
        async with await request as response:
            await _granted(response)
            return read(await _body(response), kind)


async def _granted(response: ClientResponse) -> None:
    if response.status >= 400:
        raise failure(response.status, await _body(response))


async def _body(response: ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            raise UnreadableError(f"an answer of more than {BODY_MAX_BYTES} bytes")
    return bytes(body)
