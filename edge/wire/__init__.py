"""Bytes: frame, key ring, compression and messages. Nothing here knows what a message is for.

This room may import only `edge.config` and `edge.model`. No IO (the shipped dictionary is read once, at import, as
package data), no clock, no randomness of its own: session bytes come in as an argument.
"""
