"""`edge demo`: eight cities as eight processes, an origin, viewers and the live page, on one machine.

This room may import every other but `edge.cli`, and talks to the nodes only as a user would: by command line and HTTP.
Its faults are made outside of the nodes: in the network between them, which is a relay here, and in processes.
"""
