"""What a node has seen, and how it is told to those who listen."""

from typing import Any

import orjson

from edge.model import GossipEvent
from edge.shell.story import KEPT, Story, Teller
from running import Running
from shell.actor import event_actor


def told(news: bytes) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, id and data of each event."""
    found = []
    for one in news.decode().split("\n\n")[:-1]:
        name, number, data = (line.partition(": ")[2] for line in one.split("\n"))
        found.append((name, number, orjson.loads(data)))
    return found


def happen(story: Story, count: int) -> None:
    for _ in range(count):
        story.add(GossipEvent("joined", "delhi", "delhi joined", 0.0))


def test_a_listener_hears_the_past_then_each_event_once() -> None:
    story, events = Story("p"), event_actor()
    happen(story, 2)
    events.event({"key": "toss", "body": "heads"})
    teller = Teller(story, events, "")
    assert [(name, number) for name, number, _ in told(teller.news())] == [
        ("seen", "p-1"),
        ("seen", "p-2"),
        ("durable", "p-2"),
        ("known", "p-2"),
    ]
    assert teller.news() == b""
    happen(story, 1)
    events.event({"key": "toss", "body": "tails"})
    [seen, durable] = told(teller.news())
    assert (seen[0], seen[1], seen[2]["text"]) == ("seen", "p-3", "delhi joined")
    assert (durable[0], durable[2]["body"]) == ("durable", "tails")
    assert teller.news() == b""


def test_who_comes_back_hears_what_he_missed_and_of_another_process_all() -> None:
    story, events = Story("p"), event_actor()
    happen(story, 3)
    for last, numbers in (
        ("p-2", ["p-3", "p-3"]),
        ("p-3", ["p-3"]),
        ("q-2", ["p-1", "p-2", "p-3", "p-3"]),
        ("p-x", ["p-1", "p-2", "p-3", "p-3"]),
        (f"p-{9 * '9'}", [f"p-{9 * '9'}"]),
    ):
        assert [number for _, number, _ in told(Teller(story, events, last).news())] == numbers


def test_the_past_is_bounded_and_the_numbers_say_what_is_gone() -> None:
    story, events = Story("p"), event_actor()
    happen(story, KEPT + 5)
    assert told(Teller(story, events, "p-1").news())[0][1] == "p-6"
    assert len(list(story)) == KEPT


async def test_a_real_node_streams_its_events(running: Running, http: Any) -> None:
    pune = await running.start("pune")
    async with http.get(f"{pune.member.admin}/v1/events/stream") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        await running.start("delhi")
        pune.events.event({"key": "toss"})
        lines = [await answer.content.readline() for _ in range(12)]
    names = [line.split()[1] for line in lines if line.startswith(b"event:")]
    assert names[0] == b"known"
    assert sorted(names[1:]) == [b"durable", b"seen"]
