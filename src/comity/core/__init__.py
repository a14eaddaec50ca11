"""Ground floor: instants, intervals, money, errors and the protocols of long work."""

from comity.core.codec import decode, encode
from comity.core.errors import ComityError, InputError, StateError, UnknownIdError
from comity.core.files import read_text, write_text, write_whole
from comity.core.money import Money, check_currency, to_decimal
from comity.core.protocols import (
    Clock,
    Executor,
    FixedClock,
    Progress,
    SystemClock,
    ThreadExecutor,
    silent,
)
from comity.core.time import Epoch, Interval, utc_mjd

__all__ = [
    "Clock",
    "ComityError",
    "Epoch",
    "Executor",
    "FixedClock",
    "InputError",
    "Interval",
    "Money",
    "Progress",
    "StateError",
    "SystemClock",
    "ThreadExecutor",
    "UnknownIdError",
    "check_currency",
    "decode",
    "encode",
    "read_text",
    "silent",
    "to_decimal",
    "utc_mjd",
    "write_text",
    "write_whole",
]
