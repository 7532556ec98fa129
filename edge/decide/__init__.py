"""Pure functions from a `ClusterView` and a question to an answer with its reason.

This room may import only `edge.gossip`, `edge.state`, `edge.wire`, `edge.config` and `edge.model`. No IO, no clock, no
randomness at all: equal views and questions give equal answers.
"""
