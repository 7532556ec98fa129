"""The tier on disk below the store in memory: files, the writer, the record of purges, the scan at start.

`files` and `journal` block and run in threads only; `tier`, `writer` and `recorder` live on the event loop and never
block it. Nothing that goes wrong with a disk may fail a request: it is counted, and memory and the origin serve.
"""
