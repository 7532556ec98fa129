"""What holds of every answer, whatever the cluster."""

import math
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.decide.routing import RouteQuery, Router, RoutingPolicy, RoutingTable, route
from edge.decide.routing.explain import explain
from edge.decide.routing.policy import IDLE_LOAD
from edge.model import Load, Member, Status, incarnation_of
from edge.state.reports import Report
from edge.state.view import ClusterView, Link, NodeView

ZONES = ("", "delhi", "mumbai", "pune")
REGIONS = {"": "", "delhi": "north", "mumbai": "west", "pune": "west"}
ISPS = ("", "airtel", "jio")
PATHS = [f"/live/{number}.m3u8" for number in range(6)]


@st.composite
def nodes(draw: st.DrawFn, name: str) -> NodeView:
    """Any node: of any place, load, level and state."""
    zone = draw(st.sampled_from(ZONES))
    member = Member(
        name,
        incarnation_of(1),
        draw(st.sampled_from([Status.ALIVE] * 6 + [Status.SUSPECT, Status.UNREACHABLE, Status.LEFT])),
        "10.0.0.1",
        7700,
        public=draw(st.sampled_from([f"http://{name}"] * 9 + [""])),
        zone=zone,
        region=REGIONS[zone],
        isp=draw(st.sampled_from(ISPS)),
    )
    load = Load(
        draw(st.integers(0, 1500)),
        0,
        0,
        draw(st.sampled_from([1000, 1000, 500, 0])),
        draw(st.sampled_from([100, 100, 100, 0])),
        0,
        draw(st.sampled_from([0, 0, 0, 2, 3, 4])),
    )
    link = Link(draw(st.floats(0.001, 0.2)), draw(st.floats(0, 1)), 0.0, draw(st.floats(0, 1)))
    return NodeView(
        member, draw(st.sampled_from([Report(1, load, 0.0), None])), link=draw(st.sampled_from([link, None]))
    )


@st.composite
def clusters(draw: st.DrawFn) -> ClusterView:
    """Up to ten nodes."""
    names = [f"n{number}" for number in range(draw(st.integers(1, 10)))]
    return ClusterView(1, names[0], tuple(draw(nodes(name)) for name in names))


queries = st.builds(
    RouteQuery,
    st.sampled_from(PATHS),
    st.sampled_from([*ZONES, "elsewhere"]),
    st.booleans(),
    st.sampled_from(["", "west", "nowhere"]),
    st.sampled_from(ISPS),
    st.sampled_from(["", "n0", "n1", "n9"]),
    st.sampled_from(["", "a", "b"]),
)
policies = st.builds(
    RoutingPolicy,
    load_bound=st.floats(1.01, 3),
    full_load=st.floats(0.5, 1.5),
    hysteresis=st.floats(0, 0.3),
)
pendings = st.dictionaries(st.sampled_from(["n0", "n1", "n2"]), st.integers(1, 300))


@given(clusters(), queries, policies, pendings)
def test_an_answer_is_a_node_that_takes_viewers_with_a_reason(
    cluster: ClusterView, query: RouteQuery, policy: RoutingPolicy, pending: dict[str, int]
) -> None:
    answer = route(cluster, query, pending, policy)
    able = [one for one in cluster.nodes if one.takes_viewers]
    if answer is None:
        assert query.new or not able
        assert all(one.level >= 3 for one in able)
    else:
        assert answer.node in {one.name for one in able}
        assert answer.reason
        assert answer.url


@given(clusters(), queries, policies, pendings)
def test_equal_questions_have_equal_answers_whatever_was_asked_before(
    cluster: ClusterView, query: RouteQuery, policy: RoutingPolicy, pending: dict[str, int]
) -> None:
    """A table that has answered much, and kept what it found, answers like a new one."""
    used = RoutingTable(cluster, policy, {})
    for path in PATHS:
        used.route(query._replace(path=path, zone="pune"))
    again = RoutingTable(replace(cluster), policy, pending, used)
    assert again.route(query) == again.route(query) == route(replace(cluster), query, pending, policy)


@given(clusters(), queries, policies, pendings)
def test_explanations_agree_with_answers_and_leave_nobody_out(
    cluster: ClusterView, query: RouteQuery, policy: RoutingPolicy, pending: dict[str, int]
) -> None:
    table = RoutingTable(cluster, policy, pending)
    found = explain(table, query)
    assert found.answer == table.route(query)
    assert sorted(one.node for one in found.candidates) == [one.name for one in cluster.nodes]
    assert all(one.verdict for one in found.candidates)
    assert found.reason
    taken = [one.node for one in found.candidates if one.verdict.startswith("taken")]
    assert taken == ([found.answer.node] if found.answer else [])


@given(
    st.lists(st.tuples(st.integers(0, 900), st.sampled_from([500, 1000, 2000])), min_size=1, max_size=12),
    st.floats(1.01, 2),
    st.lists(st.sampled_from(PATHS), min_size=1, max_size=80),
)
def test_no_assignment_exceeds_the_bound(
    loads: list[tuple[int, int]], load_bound: float, paths: list[str]
) -> None:
    """After each, the node has at most c times its share of all viewers, rounded up."""
    made = [
        NodeView(
            Member(f"n{number:02}", incarnation_of(1), Status.ALIVE, "10.0.0.1", 1, public="http://n"),
            Report(1, Load(min(streams, capacity // 2), 0, 0, capacity, 100, 0), 0.0),
        )
        for number, (streams, capacity) in enumerate(loads)
    ]
    table = RoutingTable(ClusterView(1, "n00", tuple(made)), RoutingPolicy(load_bound=load_bound), {})
    streams = {one.name: one.load.value.streams for one in made if one.load}
    capacity = {one.name: one.load.value.capacity for one in made if one.load}
    for number, path in enumerate(paths):
        answer = table.route(RouteQuery(path, viewer=str(number % 2 * number)))
        assert answer
        table.add(answer.node)
        streams[answer.node] += 1
        share = max(IDLE_LOAD, load_bound * sum(streams.values()) / sum(capacity.values()))
        assert streams[answer.node] <= math.ceil(share * capacity[answer.node] + 1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 30), st.integers(0, 29), st.floats(0.2, 0.9))
def test_a_node_that_goes_moves_few_sessions(size: int, which: int, load: float) -> None:
    """At most its own share, and 5% of all; those who ask again elsewhere stay where they are."""
    made = tuple(
        NodeView(
            Member(f"n{number:02}", incarnation_of(1), Status.ALIVE, "10.0.0.1", 1, public="http://n"),
            Report(1, Load(int(1000 * load), 0, 0, 1000, 100, 0), 0.0),
        )
        for number in range(size)
    )
    whole = RoutingTable(ClusterView(1, "n00", made), RoutingPolicy(), {})
    gone = made[which % size].name
    left = RoutingTable(
        ClusterView(2, "n00", tuple(one for one in made if one.name != gone)), RoutingPolicy(), {}, whole
    )
    moved = 0
    sessions = [f"/live/{number}.m3u8" for number in range(200 * size)]
    for path in sessions:
        before = whole.route(RouteQuery(path))
        assert before
        after = left.route(RouteQuery(path, previous=before.node))
        assert after
        moved += after.node != before.node
    assert moved / len(sessions) <= 1 / size + 0.05


@given(clusters(), st.lists(st.tuples(queries, st.floats(0, 0.2)), min_size=1, max_size=30))
def test_a_router_makes_few_tables_and_answers_as_they_do(
    cluster: ClusterView, asked: list[tuple[RouteQuery, float]]
) -> None:
    router, now = Router(lambda: cluster), 100.0
    begun = now
    for query, pause_s in asked:
        now += pause_s
        explained = router.explain(query, now)
        assert router.route(query, now) == explained.answer
    assert router.tables <= 1 + (now - begun) / 0.05
