"""Errors as their users meet them, from whichever process they come."""

from __future__ import annotations

import pickle

import pytest

from comity.core import ComityError, InputError, StateError, UnknownIdError
from comity.orbits import PropagationError


@pytest.mark.parametrize(
    "error",
    [
        InputError("altitude 1e6 m is outside"),
        StateError("already delivered"),
        UnknownIdError("station", "svalbrad", ("svalbard",)),
        PropagationError("it has decayed", 25544),
    ],
)
def test_an_error_comes_back_from_a_worker_as_it_was(error: ComityError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_an_absurd_identifier_does_not_fill_the_screen() -> None:
    error = UnknownIdError("station", "x" * 100_000, ("y" * 5_000, "svalbard"))
    assert len(str(error)) < 400
    assert "100,000 characters" in str(error)
    assert error.value == "x" * 100_000
