"""The server: searches for opportunities, item searches over a large archive, and what chaos leaves of it.

./run bench server [--row opportunities|item-search|chaos] [--items N] [--searches N]
                   [--customers N] [--seconds S] [--database postgresql|sqlite]

Prints a JSON object per line and asserts nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from server_bench.chaos import CUSTOMERS, SECONDS, chaos
from server_bench.item_search import ITEMS, item_search
from server_bench.opportunities import opportunities


def rows(asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The rows that were asked for."""
    if asked.row in (None, "opportunities"):
        yield from opportunities(asked.searches)
    if asked.row in (None, "item-search"):
        yield from item_search(asked.items)
    if asked.row in (None, "chaos"):
        yield from chaos(
            asked.customers,
            asked.seconds,
            database=asked.database,
            servers=asked.servers,
            lease_s=asked.lease,
            seed=asked.seed,
        )


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", choices=("opportunities", "item-search", "chaos"))
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--searches", type=int)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--lease", type=float, default=15.0, help="of idempotency keys and jobs, seconds")
    parser.add_argument("--seed", type=int, default=7)
    for row in rows(parser.parse_args()):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
