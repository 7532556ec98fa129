"""Signed URLs (RFC 9246): keys, tokens, the URIs that they are for, and who is turned away.

Nothing here logs a token or has one as a label of a metric.
"""
