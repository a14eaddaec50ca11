"""The ``comity`` command."""

from comity.cli.main import main

__all__ = ["main"]
