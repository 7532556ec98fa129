"""Which series a page shows, and in which words."""

from loadtest.report.lines import Line, Panel, Plot
from loadtest.report.svg import BLUE, GREEN, PURPLE, RED

SIM = (
    Plot(
        "viewers",
        "Viewers",
        "Those who watch should follow those who want to; who waits for a node is drawn apart, on a scale of its own.",
        (
            Panel(
                "viewers",
                (Line("wanted", "want to watch", RED, dashed=True), Line("viewers", "watch", BLUE)),
            ),
            Panel("viewers who wait for a node", (Line("waiting", "wait", PURPLE),)),
        ),
    ),
    Plot(
        "load",
        "Load against capacity",
        "The fullest node should stay below the line at 100%, and close to the mean.",
        (
            Panel(
                "viewers, share of capacity",
                (Line("load_max", "fullest node", RED), Line("load_mean", "mean of all", BLUE)),
                "percent",
                limit=(1.0, "capacity"),
            ),
        ),
    ),
    Plot(
        "balance",
        "Balance",
        "At 1 all nodes of a zone are equally full; a rise says that routing sent many to the same node.",
        (
            Panel(
                "fullest node of a zone over the zone's mean, worst zone",
                (Line("balance", "balance", BLUE),),
                "plain",
                from_zero=False,
            ),
        ),
    ),
    Plot(
        "hits",
        "Hit ratio and origin offload",
        "A dip is a cache that starts empty, a purge or an origin that is away; the scales do not begin at zero.",
        (
            Panel(
                "requests that the asked node had",
                (Line("hit_ratio", "hit ratio", BLUE),),
                "percent",
                from_zero=False,
            ),
            Panel(
                "requests that no origin saw",
                (Line("origin_offload", "origin offload", GREEN),),
                "percent",
                from_zero=False,
            ),
        ),
    ),
    Plot(
        "requests",
        "Requests, and what of them comes to the origin",
        "The origin's part should stay flat while viewers multiply: it grows with zones and rungs, not with viewers.",
        (
            Panel("requests to nodes, a second", (Line("requests_rps", "requests", BLUE),), unit="/s"),
            Panel("requests to origins, a second", (Line("origin_rps", "to origins", RED),), unit="/s"),
        ),
    ),
    Plot(
        "egress",
        "Egress",
        "What all nodes send; it falls below the viewers' curve where bitrates are capped or datagrams lost.",
        (Panel("sent to viewers", (Line("egress_gbps", "egress", BLUE),), unit="b/s", times=1e9),),
    ),
    Plot(
        "trouble",
        "Refused, moved, cut off",
        "Each peak should stand at a fault; what stays at zero throughout is not drawn.",
        (
            Panel("new viewers refused, a second", (Line("refused", "refused", RED),)),
            Panel("viewers who had to change nodes, a second", (Line("moved", "moved", BLUE),)),
            Panel("viewers cut off, a second", (Line("cut_off", "cut off", PURPLE),)),
            Panel("asked for another node in vain, a second", (Line("unserved", "in vain", PURPLE),)),
            Panel("viewers without new segments", (Line("stale", "stale", RED),)),
            Panel("sent to a node that could not answer, a second", (Line("to_dead", "to dead", RED),)),
        ),
        "Nobody was refused, moved, cut off, or sent to a node that could not answer.",
    ),
    Plot(
        "calls",
        "Calls to log in and to the home page",
        "A push notice shows as a burst of log-ins; who leaves the player calls the home page.",
        (
            Panel("log-in calls a second", (Line("login_rps", "log-in", BLUE),), unit="/s"),
            Panel("home page calls a second", (Line("home_rps", "home page", GREEN),), unit="/s"),
        ),
    ),
)

DRIVE = (
    Plot(
        "viewers",
        "Viewers",
        "The programs that play should follow the scenario's curve; a gap is a generator that could not keep up.",
        (
            Panel(
                "viewers",
                (Line("wanted", "wanted", RED, dashed=True), Line("viewers", "play", BLUE)),
            ),
        ),
    ),
    Plot(
        "requests",
        "Requests",
        "Failures should stand only within faults; held back is what --max-rate did not let out.",
        (
            Panel("requests a second", (Line("requests", "requests", BLUE),), unit="/s"),
            Panel("failed, a second", (Line("failed", "failed", RED),), unit="/s"),
            Panel("held back, a second", (Line("held_back", "held back", PURPLE),), unit="/s"),
        ),
        "Nothing was asked.",
    ),
    Plot(
        "latency",
        "Latency over time",
        "Time to answer; the 99th percentile shows what the unlucky met.",
        (
            Panel(
                "milliseconds",
                (Line("p99_ms", "99th percentile", RED), Line("p50_ms", "median", BLUE)),
                "plain",
            ),
        ),
    ),
    Plot(
        "stalls",
        "Stalled viewers",
        "Viewers whose picture stands still at that moment.",
        (Panel("viewers", (Line("stalled", "stalled", RED),)),),
        "No picture stood still.",
    ),
    Plot(
        "egress",
        "Egress",
        "What the viewers took.",
        (Panel("received by viewers", (Line("mbps", "received", BLUE),), unit="b/s", times=1e6),),
    ),
)
