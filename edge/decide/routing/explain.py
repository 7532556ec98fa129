"""Why a viewer is sent where he is, and why not elsewhere."""

from edge.decide.measures import LAST_RESORT, SAFE_LOAD
from edge.decide.routing.crowd import CAREFUL, Choice
from edge.decide.routing.question import Candidate, Explanation, RouteQuery
from edge.decide.routing.table import RoutingTable
from edge.model import Status
from edge.state.view import NodeView

REFUSED = "no node takes viewers at the moment"


def explain(table: RoutingTable, query: RouteQuery) -> Explanation:
    """The answer that `table` gives, and every member of the cluster with why it was not taken."""
    choice = table.choose(query)
    answer = table.told(query, choice) if choice else None
    found = [_of_those(table, query, choice, one) for one in table.view.nodes]
    found.sort(key=lambda one: (not answer or one.node != answer.node, one.rank == 0, one.rank, one.node))
    return Explanation(answer, answer.reason if answer else REFUSED, tuple(found))


def _of_those(table: RoutingTable, query: RouteQuery, choice: Choice | None, one: NodeView) -> Candidate:
    member, load = one.member, one.ratio
    if why := _absent(one):
        return Candidate(member.name, member.zone, member.isp, load, None, 0, why)
    crowd = table.crowds[one.level >= LAST_RESORT]
    number = crowd.layout.index[member.name]
    load = crowd.loads[number]
    if choice is None or crowd is not choice.crowd:
        why = f"level {one.level}, only for whom no other can take"
        if one.level < LAST_RESORT:
            why = "takes nobody new beyond the safe load"
        return Candidate(member.name, member.zone, member.isp, load, None, 0, why)
    steps = [*crowd.layout.steps(query)]
    if not any(one is choice.step for one in steps):
        steps = [choice.step]  # where none had room, all are asked
    way = next(at for at, step in enumerate(steps) if crowd.layout.zone_of[number] in step.zones)
    asked = next(at for at, step in enumerate(steps) if step is choice.step)
    allowed = choice.allowed if way == asked else crowd.allowed(steps[way])
    group = next(group for group in steps[way].groups if number in group.nodes)
    rank = crowd.layout.order(group, query.path).index(number) + 1 if way == asked else 0
    if number == choice.node:
        verdict = f"taken: {table.scope(query, choice)}{choice.note}"
    elif query.new and load >= crowd.safe[number]:
        verdict = f"level {one.level} from {CAREFUL} on: nobody new from load {SAFE_LOAD} on"
    elif load >= allowed:
        verdict = "full" if load >= table.policy.full_load else "above the allowed load"
    elif way != asked:
        verdict = "farther" if way > asked else "nearer, but the viewer is well where he is"
    elif way == asked and group is choice.group and (why := crowd.passes_on(number, query, allowed)):
        verdict = why
    elif group is not choice.group:
        verdict = f"not in isp {query.isp}" if query.isp else "not preferred"
    else:
        verdict = "the viewer stays where he is" if choice.stays else _by_hash(choice, rank)
    return Candidate(member.name, member.zone, member.isp, load, allowed, rank, verdict)


def _by_hash(choice: Choice, rank: int) -> str:
    return f"choice {choice.rank} is clearly less loaded" if rank < choice.rank else "later by hash"


def _absent(one: NodeView) -> str:
    """Why a node gets nobody, whoever asks; empty where it may get viewers."""
    if one.member.status is not Status.ALIVE:
        return one.member.status.name.lower()
    if not one.member.public:
        return "has no public address"
    if one.load and not one.load.value.capacity:
        return "has capacity 0"
    if one.quarantined:
        return "is not believed (quarantined)"
    return "" if one.takes_viewers else "drains, or is not well (health 0)"
