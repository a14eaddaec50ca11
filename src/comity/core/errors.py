"""Errors that a user can act on: each message names the value, the limit and the way out."""

from __future__ import annotations

#: An identifier longer than this is shown in part.
_SHOWN = 80


def _short(id: str) -> str:
    return id if len(id) <= _SHOWN else f"{id[:_SHOWN]}… ({len(id):,} characters)"


class ComityError(Exception):
    """Base of every error Comity raises on purpose."""


class InputError(ComityError):
    """Bad input: a file, a key, a coordinate or an argument. Nothing was changed."""


class UnknownIdError(ComityError):
    """An identifier that nothing carries.

    Parameters
    ----------
    kind : what was looked for, e.g. ``"spacecraft"``.
    value : the identifier given.
    known : some identifiers that exist, to show in the message.
    """

    def __init__(self, kind: str, value: str, known: tuple[str, ...] = ()) -> None:
        shown = ", ".join(map(_short, known[:8])) + (", …" if len(known) > 8 else "")
        hint = f"; known: {shown}" if known else ""
        super().__init__(f"unknown {kind} {_short(value)!r}{hint}")
        self.kind = kind
        self.value = value
        self.known = known

    def __reduce__(self) -> tuple[type[UnknownIdError], tuple[str, str, tuple[str, ...]]]:
        """Pickled with its arguments, to come back from a worker: an exception alone keeps the message."""
        return type(self), (self.kind, self.value, self.known)


class StateError(ComityError):
    """The call is valid but not now, e.g. cancelling an order that is already delivered."""
