"""A piece of work as it travels to another process: function and item pickled, unpacked where it is done.

Here, on the ground floor, so that a worker loads nothing for it that the work itself does not need.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=8)
def _unpacked(function: bytes) -> Callable[[Any], Any]:
    unpacked: Callable[[Any], Any] = pickle.loads(function)
    return unpacked


def run_piece(function: bytes, item: bytes) -> Any:
    """``function(item)``, both pickled; a function is unpacked once for all its items."""
    return _unpacked(function)(pickle.loads(item))


def run_asked(function: bytes, kept: tuple[bool, ...], *item: Any) -> Any:
    """``function(*item)``: the parts that are not ``kept`` at the worker come pickled."""
    parts = (part if here else pickle.loads(part) for here, part in zip(kept, item, strict=True))
    return _unpacked(function)(*parts)
