from pathlib import Path

import pytest

from edge.config import Source, field_types, load
from edge.config.origins import origin_servers
from edge.model import ConfigError

NAME = Source.flags({"node.name": "mumbai"})


def mistake(*sources: Source) -> str:
    with pytest.raises(ConfigError) as told:
        load(*sources, NAME)
    return str(told.value)


def test_flags_win_over_variables_and_those_over_the_file() -> None:
    file = Source.toml('[node]\nzone = "file"\nregion = "file"\nisp = "file"', "edge.toml")
    variables = Source.environment({"EDGE_NODE_ZONE": "variable", "EDGE_NODE_REGION": "variable"})
    flags = Source.flags({"node.zone": "flag", "node.region": None})

    node = load(flags, variables, file, NAME).node

    assert (node.zone, node.region, node.isp, node.cluster) == ("flag", "variable", "file", "edge")


def test_text_becomes_numbers_lists_and_pairs() -> None:
    config = load(
        Source.environment(
            {
                "EDGE_GOSSIP_SEEDS": "10.0.0.1:7700, edge-0.edge:7700",
                "EDGE_GOSSIP_FANOUT": "4",
                "EDGE_NODE_TAGS": "lat=19.1,lon=72.9",
            }
        ),
        NAME,
    )
    assert config.gossip.seeds == ("10.0.0.1:7700", "edge-0.edge:7700")
    assert config.gossip.fanout == 4
    assert config.node.tags == {"lat": "19.1", "lon": "72.9"}


def test_a_file_has_lists_and_tables_of_its_own() -> None:
    text = '[gossip]\nseeds = ["a:1", "b:2"]\n[node]\ntags = { lat = "19.1" }'
    config = load(Source.toml(text, "edge.toml"), NAME)
    assert config.gossip.seeds == ("a:1", "b:2")
    assert config.node.tags == {"lat": "19.1"}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Source.flags({"gossip.fanout": "0"}), ["--gossip-fanout: '0' does not fit", ">= 1", "Peers that"]),
        (Source.flags({"gossip.fanout": "many"}), ["--gossip-fanout: 'many' does not fit: expected int"]),
        (Source.environment({"EDGE_GOSSIP_TICK_MIN_S": "9"}), ["EDGE_GOSSIP_TICK_MIN_S: '9'", "<= 5"]),
        (Source.toml("[gossip]\nfanout = 99", "e.toml"), ["e.toml: gossip.fanout: 99 does not fit", "<= 16"]),
        (
            Source.toml("[gossip]\nseeds = 7", "e.toml"),
            ["e.toml: gossip.seeds: 7 does not fit: expected array"],
        ),
        (Source.flags({"node.tags": "lat"}), ["--node-tags: 'lat' has an item without =; write k=v,k=v"]),
        (Source.flags({"node.name": "a b"}), ["--node-name: 'a b' does not fit", "Unique name"]),
        (Source.flags({"gossip.bind": "7700"}), ["gossip.bind: '7700' is no address"]),
        (Source.flags({"gossip.seeds": "a:1,b"}), ["gossip.seeds[1]: 'b' is no address"]),
        (Source.flags({"cache.origin": "origin:80"}), ["--cache-origin", "http(s)://host:port"]),
        (
            Source.flags({"cache.origins": "origin:80"}),
            ["cache.origins[0]: 'origin:80' is no origin", "weight"],
        ),
        (
            Source.flags({"cache.origins": "http://a;weight=2;weight=3"}),
            ["cache.origins[0]: weight is given twice"],
        ),
        (
            Source.flags({"cache.origins": "http://a;weight=0"}),
            ["'weight=0' does not fit; weight is a number"],
        ),
        (Source.flags({"cache.origins": "http://a;prio=1"}), ["cache.origins[0]: 'prio=1' is unknown"]),
        (
            Source.flags({"cache.origins": "http://a,http://b,http://u:p@a/"}),
            ["[2]: http://a is cache.origins[0]"],
        ),
        (
            Source.flags({"cache.origins": "http://a", "cache.origin": "http://b"}),
            ["cache.origins: is given, and cache.origin too; put that one into the list"],
        ),
        (Source.flags({"origin.check_path": "healthz"}), ["--origin-check-path: 'healthz' does not fit"]),
        (Source.flags({"origin.pause_min_s": "31"}), ["origin.pause_min_s: is above origin.pause_max_s"]),
        (
            Source.flags({"public.tls_cert_file": "c"}),
            ["public.tls_key_file: is needed with public.tls_cert_file; give both or neither"],
        ),
        (Source.flags({"public.tls_key_file": "k"}), ["public.tls_cert_file: is needed with"]),
        (
            Source.flags(
                {"public.tls_cert_file": "c", "public.tls_key_file": "k", "public.advertise": "http://a"}
            ),
            ["public.advertise: is http:// where public.tls_cert_file is given; write https://"],
        ),
        (Source.flags({"log.level": "loud"}), ["--log-level: 'loud' does not fit"]),
        (Source.flags({"gossip.reconnect_min_s": "6"}), ["gossip.reconnect_min_s: is above"]),
    ],
)
def test_a_wrong_value_is_told_with_place_and_remedy(source: Source, words: list[str]) -> None:
    told = mistake(source)
    assert [word for word in words if word not in told] == [], told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[gosip]\nfanout = 3", "e.toml: [gosip]: no such section; did you mean gossip?"),
        ("[gossip]\nfanuot = 3", "e.toml: gossip.fanuot: no such field; did you mean gossip.fanout?"),
        ("gossip = 3", "e.toml: gossip: is a value; write it as a section: [gossip]"),
        ("[gossip", "e.toml: no TOML: "),
    ],
)
def test_a_wrong_file_is_told_with_what_was_meant(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as told:
        Source.toml(text, "e.toml")
    assert str(told.value).startswith(words)


def test_a_misspelt_variable_is_told_but_those_of_others_are_left_alone() -> None:
    with pytest.raises(
        ConfigError, match="EDGE_GOSSIP_SEED: no such variable; did you mean EDGE_GOSSIP_SEEDS"
    ):
        Source.environment({"EDGE_GOSSIP_SEED": "a:1"})
    # what Kubernetes tells every pod about a Service called edge-gossip, and another tool's variable
    others = {"EDGE_GOSSIP_SERVICE_HOST": "10.0.0.1", "EDGE_GOSSIP_PORT_7700_UDP": "x", "EDGE_HOME": "/"}
    assert Source.environment(others).values == {}


def test_a_cluster_id_may_name_a_namespace_and_a_release() -> None:
    cluster = f"{'n' * 63}/{'r' * 53}"
    assert load(Source.flags({"node.cluster": cluster}), NAME).node.cluster == cluster
    assert "--node-cluster: 'live/' does not fit" in mistake(Source.flags({"node.cluster": "live/"}))


def test_kubernetes_is_off_and_its_variables_are_no_service_links() -> None:
    assert load(NAME).kubernetes.discovery is False
    variables = {"EDGE_KUBERNETES_DISCOVERY": "true", "EDGE_KUBERNETES_SERVICE": "edge-gossip"}
    section = load(Source.environment(variables), NAME).kubernetes
    assert (section.discovery, section.service) == (True, "edge-gossip")


def test_origins_with_priority_and_weight() -> None:
    text = '[cache]\norigins = ["http://a:80/", "https://u:p@b ; weight=2 ;priority=3"]'
    cache = load(Source.toml(text, "edge.toml"), NAME).cache
    first, second = origin_servers(cache.origin, cache.origins)
    assert first == ("http://a:80", 1, 1)
    assert second == ("https://u:p@b", 3, 2)
    assert second.name == "https://b"  # what people and metrics see


def test_one_origin_is_enough() -> None:
    cache = load(Source.flags({"cache.origin": "http://a:80/"}), NAME).cache
    assert origin_servers(cache.origin, cache.origins) == (("http://a:80", 1, 1),)


def test_a_name_is_needed() -> None:
    with pytest.raises(ConfigError, match="is not set; give --node-name or EDGE_NODE_NAME"):
        load()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gossip.bind": "10.0.0.1:7700"}, "gossip.keys_file: is needed when gossip.bind is 10.0.0.1:7700"),
        ({"gossip.bind": "edge.local:7700"}, "gossip.keys_file: is needed"),
        ({"gossip.bind": "[::]:7700", "gossip.keys_file": "k"}, "gossip.advertise: is needed when"),
        ({"public.bind": "0.0.0.0:80"}, "public.advertise: is needed when"),
        ({"admin.bind": "10.0.0.1:7701"}, "admin.token_file: is needed when admin.bind is 10.0.0.1:7701"),
    ],
)
def test_what_is_open_to_others_is_secured_by_default(settings: dict[str, str], words: str) -> None:
    assert mistake(Source.flags(settings)).startswith(words)


def test_loopback_needs_no_key() -> None:
    assert load(Source.flags({"gossip.bind": "[::1]:0", "admin.bind": "localhost:0"}), NAME)


def test_every_setting_has_a_meaning_and_one_name_everywhere() -> None:
    for one in field_types():
        assert one.description.endswith((".", ")")), one.path
        assert one.flag == "--" + one.path.replace(".", "-").replace("_", "-")
        assert one.variable == "EDGE_" + one.path.replace(".", "_").upper()


def test_the_room_reads_no_environment_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGE_GOSSIP_FANOUT", "9")
    assert load(NAME).gossip.fanout == 3
