"""The figures of a run that a scenario can expect something of."""

FIGURES = {
    "peak": "most who watched at a time, as a share of the peak that the scenario names",
    "hit-ratio": "share of requests that the node which was asked had, 0–1",
    "origin-per-segment": "origin requests for one segment of one rung and language, a zone with viewers",
    "origin-offload": "share of requests that no origin saw, 0–1",
    "balance": "load of a zone's fullest node over the mean of the zone; the worst second, but for 1 in 100",
    "load-max": "viewers over capacity, of any node in any second",
    "refused": "new viewers who were refused by a node or found none",
    "refused-share": "of all who came, 0–1",
    "cut-off": "watching viewers who lost their node, and got none though their island had room",
    "moved": "watching viewers who had to change nodes",
    "unserved-s": "viewers who had a node, and in a second asked for another in vain",
    "stale-s": "viewer seconds without new segments, for no origin could be asked",
    "to-dead": "new viewers who were sent to a node that could not answer",
    "level-max": "highest level of degradation of any node",
    "level-end": "highest level at the end",
    "zones-degraded": "zones that reached level 1 or more",
    "heal-s": "longest time from the end of a cut until the zones cut off are at their levels of before; seconds",
    "login-burst": "log-in calls of the busiest second, over the mean of the minute before",
    "growth": "most who came on balance within a minute, as a share of that peak",
}
