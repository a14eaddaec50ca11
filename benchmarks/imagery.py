"""Imagery: Comity's processing on real and made images, beside GDAL and others, the truth where it is known.

./run bench imagery [--row NAME] [--pleiades FOLDER] [--small] [--threads N] [--folder FOLDER]

Prints a JSON object per line and asserts nothing.

overlay: the Pléiades pair orthorectified, over gdalwarp -rpc with the same heights.
pansharpening: the Pléiades pair and a held-out Landsat scene (fetched), beside GDAL and OTB: ERGAS, SAM, Q4
by Wald's protocol, QNR.
geometry: rigorous models against their RPCs, there and back, and against a known truth.
frames: a simulated scene of known truth from packets to the ortho, and packets there and back.
strip: 10,000 × 40,000 pixels of four bands to an ortho COG, beside gdalwarp -rpc (--small: 2,500 × 5,000).
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Line = dict[str, Any]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "imagery" / "pleiades-toulouse"


def overlay(asked: argparse.Namespace) -> Iterator[Line]:
    """Our ortho over GDAL's, or a line that says why not."""
    from imagery_bench import ortho

    if not asked.pleiades.is_dir():
        why = f"no folder {asked.pleiades}: name it with --pleiades or COMITY_PLEIADES"
        yield {"job": "ortho overlay", "skipped": why, "met": None}
        return
    yield from ortho.overlay(asked.pleiades)


def pansharpening(asked: argparse.Namespace) -> Iterator[Line]:
    """Our pansharpening beside GDAL's and OTB's, or a line that says why not."""
    from imagery_bench import pansharpen

    if asked.pleiades.is_dir():
        yield from pansharpen.pansharpening(asked.pleiades)
    else:
        why = f"no folder {asked.pleiades}: name it with --pleiades or COMITY_PLEIADES"
        yield {"job": "pansharpening", "skipped": why, "met": None}
    yield from pansharpen.held_out()


def strip(asked: argparse.Namespace) -> Iterator[Line]:
    """A long strip against the clock."""
    from imagery_bench import ortho

    size = {"columns": 2_500, "rows": 5_000} if asked.small else {}
    yield from ortho.strip(threads=asked.threads, folder=asked.folder, **size)


def geometry(asked: argparse.Namespace) -> Iterator[Line]:
    """RPC fit, location and geolocation of made cameras."""
    from imagery_bench import geometry

    yield from geometry.rpc()
    yield from geometry.location(100_000 if asked.small else 1_000_000)
    yield from geometry.geolocation()


def frames(asked: argparse.Namespace) -> Iterator[Line]:
    """From simulated packets to the orthoimage."""
    from imagery_bench import frames

    yield from frames.packets(800 if asked.small else 4_000)
    yield from frames.chain(600 if asked.small else 900)


ROWS: dict[str, Callable[[argparse.Namespace], Iterator[Line]]] = {
    "overlay": overlay,
    "pansharpening": pansharpening,
    "geometry": geometry,
    "frames": frames,
    "strip": strip,
}


def main() -> None:
    """Run the rows asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", choices=list(ROWS), help="only this row (default: all)")
    parser.add_argument("--pleiades", type=Path, default=Path(os.environ.get("COMITY_PLEIADES", DATA)))
    parser.add_argument("--small", action="store_true", help="smaller images, for a first look")
    parser.add_argument("--threads", type=int, help="of every program (default: one per processor)")
    parser.add_argument("--folder", type=Path, help="where large files are put for a while")
    asked = parser.parse_args()
    for name in (asked.row,) if asked.row else tuple(ROWS):
        for line in ROWS[name](asked):
            print(json.dumps({"row": name, **line}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
