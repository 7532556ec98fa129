"""The embedded HTTP cache: what may be kept and how long, the store, fills from the origin, purges, answers to viewers.

This room may import only `edge.decide` and the rooms below it; it never imports `edge.shell`. Lifetimes, store, index
and answers are pure; only `upstream`, `flights`, `fill`, `tiers`, `cache`, `web` and the rooms of `disk` touch asyncio
or aiohttp. The clocks are injected.
"""
