"""Real viewers over HTTP against real nodes: open-loop, in several processes, each latency from when it was due.

Nothing here may wait for an answer before it sends what the timetable says.
"""
