"""The server: searches for opportunities, and item searches over a large archive.

./run bench server [--row opportunities|item-search] [--items N] [--searches N]

Prints a JSON object per line and asserts nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from server_bench.item_search import ITEMS, item_search
from server_bench.opportunities import opportunities


def rows(asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The rows that were asked for."""
    if asked.row in (None, "opportunities"):
        yield from opportunities(asked.searches)
    if asked.row in (None, "item-search"):
        yield from item_search(asked.items)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", choices=("opportunities", "item-search"))
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--searches", type=int)
    for row in rows(parser.parse_args()):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
