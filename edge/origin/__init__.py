"""A live HLS origin with real media, for the demo, the tests and `manifests/`. Not the product: any origin will do.

This room may import only `edge.model`. It knows nothing of gossip, caches or viewers.
"""
