"""``comity process``: the steps from raw frames to a product, each from a file to a file."""

from __future__ import annotations

import typer

app = typer.Typer(help="Process images: each level from a file to a file.", no_args_is_help=True)
