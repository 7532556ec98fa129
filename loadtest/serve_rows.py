"""What serving costs: hits of a node and of nginx before one, beside the same server without `edge`; the origin."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

from loadtest import crowd, serving
from loadtest.rows import Row

_KB = 1000


def embedded() -> Iterator[Row]:
    """`serve.embedded`: one process, hits, beside a bare aiohttp handler that returns the same bytes."""
    with serving.bare() as origin, serving.node(origin) as node:
        for size in (100 * _KB, 10 * _KB):
            path = f"/films/{size}.mp4"
            one, other = (serving.warmed(url, path) for url in (node, origin))
            found, rate = serving.ratio(one, other)
            prefix, what = f"serve.embedded.{size // _KB}", f"embedded cache, hits of {size // _KB} KB"
            yield Row(f"{prefix}.ratio", f"{what}, of a bare handler", found, "times", 0.5, False)
            yield Row(f"{prefix}.rate", f"{what}, one process", rate, "/s", 2500.0, False)


def nginx() -> Iterator[Row]:
    """`serve.nginx`: hits of 100 KB through nginx with `edge`, beside the same without `edge` and log."""
    path = f"/films/{100 * _KB}.mp4"
    with (
        tempfile.TemporaryDirectory() as folder,
        serving.bare() as origin,
        serving.nginx_with_node(origin, Path(folder) / "edge") as with_node,
        serving.nginx_without_node(origin, Path(folder) / "alone") as alone,
        serving.plain_nginx(origin, Path(folder) / "plain") as plain,
    ):
        one, same, least = (serving.warmed(url, path) for url in (with_node, alone, plain))
        found, rate = serving.ratio(one, same)
        of_least, _ = serving.ratio(one, least)
    what = "nginx with edge, hits of 100 KB"
    yield Row("serve.nginx.ratio", f"{what}, of the same without edge and log", found, "times", 0.95, False)
    yield Row("serve.nginx.least", f"{what}, of the shortest configuration", of_least, "times", None, False)
    yield Row("serve.nginx.rate", what, rate, "/s", None, False)


def steering() -> Iterator[Row]:
    """`serve.steering`: steering manifests from nginx's cache, beside a static file of that size."""
    path = "/v1/steering/hls/-/3"
    with (
        tempfile.TemporaryDirectory() as folder,
        serving.bare() as nobody,
        serving.nginx_with_node(nobody, Path(folder) / "edge", **{"steering.enabled": "true"}) as with_node,
    ):
        one = serving.warmed(with_node, path)
        body, asked = serving.fetched(one), f"{one}?_HLS_pathway=bench&_HLS_throughput=5000000"
        with (
            serving.static_nginx(path, body, Path(folder) / "static") as static,
            serving.static_nginx(path, body, Path(folder) / "best", sendfile="off") as best,
        ):
            found, rate = serving.ratio(asked, serving.warmed(static, path))
            of_best, _ = serving.ratio(asked, serving.warmed(best, path))
    what = "steering manifest from nginx's cache"
    yield Row("serve.steering.ratio", f"{what}, of a static file of that size", found, "times", 0.8, False)
    yield Row(
        "serve.steering.best", f"{what}, of the same written without sendfile", of_best, "times", None, False
    )
    yield Row("serve.steering.rate", what, rate, "/s", None, False)


def origin() -> Iterator[Row]:
    """`serve.origin`: what a flash crowd costs the origin, two zones of four real nodes, 40 to 240 viewers in 20 s."""
    for name, what, run, target in (
        ("healthy", "all healthy", crowd.healthy, 1.0),
        ("restart", "a node killed and restarted", crowd.restarted, 1.2),
        ("owner", "an owner killed in mid-fill", crowd.owner_killed, 1.2),
    ):
        found = asyncio.run(run())
        prefix, figure = f"serve.origin.{name}", f"flash crowd, 2 zones of 4 nodes, {what}"
        yield Row(f"{prefix}.mean", f"{figure}: requests a segment and zone", found.mean, "requests", target)
        yield Row(f"{prefix}.most", f"{figure}: of the worst segment", found.most, "requests", None)
        yield Row(f"{prefix}.played", f"{figure}: segments played", found.watched.segments, "segments", None)
        yield Row(f"{prefix}.failed", f"{figure}: failed requests", found.watched.failed, "requests", None)
