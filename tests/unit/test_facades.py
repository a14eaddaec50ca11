"""One façade per package: its names are sorted, exist, and are all that other packages reach for."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import comity

SOURCE = Path(comity.__file__).parent
PACKAGES = sorted(module.name for module in pkgutil.walk_packages([str(SOURCE)], "comity.") if module.ispkg)


@pytest.mark.parametrize("name", [n for n in PACKAGES if n.count(".") == 1])
def test_a_package_names_what_it_offers(name: str) -> None:
    package = importlib.import_module(name)
    offered = package.__all__
    assert package.__doc__
    assert list(offered) == sorted(
        set(offered), key=lambda each: (not each.isupper(), each[0].islower(), each)
    )
    for each in offered:
        assert getattr(package, each) is not None


def test_no_module_imports_a_private_name_of_another() -> None:
    offences = []
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("comity"):
                parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
                private = [part for part in parts if part.startswith("_") and not part.startswith("__")]
                offences += [f"{file.relative_to(SOURCE)}:{node.lineno} {name}" for name in private]
    assert offences == []
