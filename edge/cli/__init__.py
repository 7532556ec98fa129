"""What a person types. Reads files, flags and variables, prints, and turns mistakes into one clear line.

This room may import every other; none may import it.
"""

from edge.cli.main import main

__all__ = ["main"]
