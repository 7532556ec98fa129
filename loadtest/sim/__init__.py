"""The deterministic simulator: production code, real bytes, a virtual clock and a virtual network.

Order is by (time, sequence); every variate comes from a named stream of one seed; nothing reads a clock. The same
scenario gives the same bytes on any machine.
"""
