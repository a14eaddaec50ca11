"""The table of ``docs/validation.md``, from what ``comity validate`` finds now.

python tests/validation/make_page.py    # rewrites the table, leaves the text
"""

from __future__ import annotations

import re
from pathlib import Path

from comity.access import published as access
from comity.imagery import published as imagery
from comity.orbits import published as orbits

PAGE = Path(__file__).resolve().parents[2] / "docs" / "validation.md"
TABLE = re.compile(
    r"(\| figure \| source \| tolerance \| difference \|\n\|---\|---\|---\|---\|\n)(?:\|.*\n)+"
)


def main():
    rows = "".join(
        f"| {one.figure} | {one.source} | {one.tolerance:g} {one.unit} | {one.difference:.2g} {one.unit} |\n"
        for package in (orbits, access, imagery)
        for check in package.checks()
        for one in check.run()
    )
    PAGE.write_text(TABLE.sub(lambda m: m[1] + rows, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
