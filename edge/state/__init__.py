"""The tables that gossip fills and decisions read: reports of load and popularity, and the view of the cluster.

This room may import only `edge.wire`, `edge.config` and `edge.model`. No IO, no clock, no randomness: every method that
needs the time takes `now`, in seconds.
"""
