"""Windows and coverage at speed: Comity beside its peers, in the same run, with the results compared.

./run bench access [--row N] [--peers NAME,…] [--catalogue FILE] [--plot FILE]

Prints a JSON object per line. Times are of this machine: CPU-seconds where a peer is compared (of all threads
of a process that is kept on one core), wall seconds where the row says s. Elements are parsed and propagators
made before the clock starts, and what is compiled on first use is compiled before, for every program alike.
``met`` is null where something was skipped; ``skipped`` then says why. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from access_bench.rows import ROW_1_PEERS, row_1, row_2, row_3, row_4, row_5
from access_bench.scaling import row_6

CATALOGUE = Path(__file__).resolve().parents[2] / "shared" / "data" / "orbits" / "active-2024-09-22.3le"


def main() -> None:
    """Run the rows asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", type=int, choices=range(1, 7), help="only this row (default: all)")
    parser.add_argument(
        "--peers",
        default="",
        metavar="NAME,…",
        help=f"only these peers in row 1: {', '.join(name for name, _, _ in ROW_1_PEERS)}",
    )
    parser.add_argument(
        "--catalogue",
        type=Path,
        default=Path(os.environ.get("COMITY_CATALOGUE", CATALOGUE)),
        metavar="FILE",
        help="elements of row 3 (default: $COMITY_CATALOGUE, else the developers' file)",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write row 6 as a PNG too")
    asked = parser.parse_args()
    peers = [name for name in asked.peers.split(",") if name]
    unknown = set(peers) - {name for name, _, _ in ROW_1_PEERS}
    if unknown:
        parser.error(f"no such peer: {', '.join(sorted(unknown))}")
    rows: dict[int, Callable[[], Iterator[dict[str, Any]]]] = {
        1: lambda: row_1(peers),
        2: row_2,
        3: lambda: row_3(asked.catalogue),
        4: row_4,
        5: row_5,
        6: lambda: row_6(asked.plot),
    }
    for number, lines in rows.items():
        if asked.row in (None, number):
            for one in lines():
                print(json.dumps(one, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
