"""nginx as the cache in front of this node: its configuration, its files, its log.

nginx serves hits; its misses come to the node, which fills, and whose answers nginx stores. This room may import only
`edge.cache` and the rooms below it; it never imports `edge.shell`. Names, configuration, heads of files and lines of
the log are pure; files are touched in threads only.
"""
