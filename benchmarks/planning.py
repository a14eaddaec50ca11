"""Planning: Comity's solvers on public sets and generated fleets, beside greedy and plain CP-SAT.

./run bench planning [--row N] [--spot5 FOLDER] [--aeossp FOLDER] [--instances 8,54] [--out FOLDER]

Prints a JSON object per line and asserts nothing.

Row 1: the SPOT5 instances (Bensana, Lemaître, Verfaillie 1999), memory as published (floor(raw ÷ 450), at
most 200) and raw.
Row 2: the cases of AEOSSP in a folder, 120 s each.
Row 3: generated agile fleets with memory, energy and contacts; value, bound and gap in the time of each.
Row 4: greedy and plain CP-SAT on the same fleets, in the same time.
Row 5: by how much the bound rises without memory, energy or contact limits (20 satellites, 2,000 requests).
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from planning_bench import generated

Line = dict[str, Any]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "planning"


def row_1(data: Path, instances: tuple[str, ...] | None, out: Path | None) -> Iterator[Line]:
    """SPOT5, or a line that says why not."""
    from planning_bench import spot5

    if not data.is_dir():
        why = f"no folder {data}: name it with --spot5 or COMITY_SPOT5"
        yield {"job": "SPOT5", "skipped": why, "met": None}
        return
    names = tuple(spot5.PUBLISHED) if instances is None else instances
    yield from spot5.rows(data, instances=names, out=out)


def row_2(data: Path, instances: tuple[str, ...] | None, out: Path | None) -> Iterator[Line]:
    """AEOSSP, or a line that says why not."""
    from planning_bench import aeossp

    if not data.is_dir():
        why = f"no folder {data}: name it with --aeossp or COMITY_AEOSSP"
        yield {"job": "AEOSSP", "skipped": why, "met": None}
        return
    yield from aeossp.rows(data, cases=instances, out=out)


def main() -> None:
    """Run the rows asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", type=int, choices=[1, 2, 3, 4, 5], help="only this row (default: all)")
    parser.add_argument("--spot5", type=Path, default=Path(os.environ.get("COMITY_SPOT5", DATA / "spot5")))
    parser.add_argument(
        "--aeossp", type=Path, default=Path(os.environ.get("COMITY_AEOSSP", DATA / "aeossp" / "test"))
    )
    parser.add_argument("--instances", help="only these of the row, comma-separated (8,54 or 20x2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the generated fleets")
    parser.add_argument("--out", type=Path, help="folder for the public sets' solutions, in their own form")
    asked = parser.parse_args()
    only = None if asked.instances is None else tuple(asked.instances.split(","))
    rows: dict[int, Callable[[], Iterator[Line]]] = {
        1: lambda: row_1(asked.spot5, only, asked.out),
        2: lambda: row_2(asked.aeossp, only, asked.out),
        3: lambda: generated.row_3(only or (), seed=asked.seed),
        4: lambda: generated.row_4(only or (), seed=asked.seed),
        5: lambda: generated.row_5(seed=asked.seed),
    }
    for row in (asked.row,) if asked.row else tuple(rows):
        for line in rows[row]():
            print(json.dumps({"row": row, **line}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
