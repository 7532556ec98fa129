"""A whole match in steps of a second: viewers as a fluid, decisions by the production code. Nothing here is a packet.

No clock and no global randomness: the same seed gives the same report.
"""
