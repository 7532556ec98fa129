"""Coordination of CDN edge caches that serve live video: gossip, routing, cache, demo.

The rooms and which may import which: docs/ARCHITECTURE.md.
"""
