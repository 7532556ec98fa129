"""`edge keygen`: a key for the ring."""

import base64
import secrets

import click

from edge.wire.keys import KEY_BYTES


@click.command()
def keygen() -> None:
    """Print a new cluster key: one line for a file that --gossip-keys-file names."""
    click.echo(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
