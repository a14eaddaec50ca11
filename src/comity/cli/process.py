"""``comity process``: the steps from raw frames to a product, each from a file to a file."""

from __future__ import annotations

import typer

from comity.cli.process_batch import batch
from comity.cli.process_colour import cut, mosaic, pansharpen
from comity.cli.process_geometry import fit_rpc, locate, optics
from comity.cli.process_ortho import ortho
from comity.cli.process_product import l2a, mask, product
from comity.cli.process_raw import l1a, l1b, simulate

app = typer.Typer(help="Process images: each level from a file to a file.", no_args_is_help=True)

app.command("fit-rpc")(fit_rpc)
app.command("locate")(locate)
app.command("optics")(optics)
app.command("ortho")(ortho)
app.command("pansharpen")(pansharpen)
app.command("simulate")(simulate)
app.command("l1a")(l1a)
app.command("l1b")(l1b)
app.command("l2a")(l2a)
app.command("mask")(mask)
app.command("product")(product)
app.command("batch")(batch)
app.command("mosaic")(mosaic)
app.command("cut")(cut)
