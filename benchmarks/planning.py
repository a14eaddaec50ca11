"""Planning: Comity's solvers on public sets, beside greedy and plain CP-SAT in the same call.

./run bench planning [--row N] [--spot5 FOLDER] [--instances 8,54] [--out FOLDER]

Prints a JSON object per line and asserts nothing.

Row 1: the SPOT5 instances (Bensana, Lemaître, Verfaillie 1999), memory as published (floor(raw ÷ 450), at
most 200) and raw.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from planning_bench import spot5

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "planning" / "spot5"


def row_1(data: Path, instances: str | None, out: Path | None) -> Iterator[dict[str, Any]]:
    """SPOT5, or a line that says why not."""
    if not data.is_dir():
        why = f"no folder {data}: name it with --spot5 or COMITY_SPOT5"
        yield {"job": "SPOT5", "skipped": why, "met": None}
        return
    names = tuple(spot5.PUBLISHED) if instances is None else tuple(instances.split(","))
    yield from spot5.rows(data, instances=names, out=out)


def main() -> None:
    """Run the rows asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", type=int, choices=[1], help="only this row (default: all)")
    parser.add_argument("--spot5", type=Path, default=Path(os.environ.get("COMITY_SPOT5", DATA)))
    parser.add_argument("--instances", help="only these, comma-separated")
    parser.add_argument("--out", type=Path, help="folder for the solutions, one 'id value' per line")
    asked = parser.parse_args()
    for line in row_1(asked.spot5, asked.instances, asked.out):
        print(json.dumps({"row": 1, **line}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
