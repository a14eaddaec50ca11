"""Where time goes: named spans around work, told to whoever watches; nobody does unless it is set up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

Facts = Mapping[str, str | int | float | bool]
#: Given a span's name and facts: a context manager that holds while the work is done.
Watcher = Callable[[str, Facts], AbstractContextManager[object]]

_watcher: Watcher | None = None
#: Where the work at hand came from, in words that can be kept with it and taken up later, by others:
#: ``traceparent`` (W3C), ``request``.
_origin: ContextVar[Mapping[str, str]] = ContextVar("comity_origin", default={})  # noqa: B039 - never changed


def watch_spans(watcher: Watcher | None) -> None:
    """Tell ``watcher`` of every span of this process from now on; None: nobody."""
    global _watcher
    _watcher = watcher


def span(name: str, **facts: str | int | float | bool) -> AbstractContextManager[object]:
    """``with span("solve", tasks=12):`` around work whose time somebody may want to know; no secrets."""
    return nullcontext() if _watcher is None else _watcher(name, facts)


def origin() -> dict[str, str]:
    """Where the work at hand came from; empty where nobody said."""
    return dict(_origin.get())


@contextmanager
def coming_from(words: Mapping[str, str]) -> Iterator[None]:
    """What is done inside comes from there."""
    token = _origin.set(dict(words))
    try:
        yield
    finally:
        _origin.reset(token)
