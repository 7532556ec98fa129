"""The node's faces to the world: UDP, seed discovery, public HTTP, admin HTTP, metrics, logs, the live page.

This room may import only `edge.cache` and the rooms below it. It holds clocks and sockets and decides nothing itself:
it hands bytes to `edge.gossip`, questions to `edge.decide` and requests to `edge.cache`, and does what they answer.
"""
