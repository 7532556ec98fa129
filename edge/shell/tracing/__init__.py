"""Tracing by OpenTelemetry: spans of requests, lookups, fills, routes and purges.

Only `edge.shell.tracing.hooks` may be imported from outside: the rest needs the package's extra `tracing`, and is
loaded where tracing is on. No span may hold what tells one viewer from another: no address, session, agent, query
or cookie.
"""
