"""Ground floor: instants, intervals, money, errors and the protocols of long work."""

from comity.core.codec import decode, encode
from comity.core.errors import ComityError, InputError, StateError, UnknownIdError
from comity.core.files import read_text, whole_path, write_text, write_whole
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
from comity.core.time import Epoch, Interval
from comity.core.validation import Check, Comparison, ReferenceTable, compared, data_text, reference_table

__all__ = [
    "Check",
    "Clock",
    "ComityError",
    "Comparison",
    "Epoch",
    "Executor",
    "FixedClock",
    "InputError",
    "Interval",
    "Money",
    "Progress",
    "ReferenceTable",
    "StateError",
    "SystemClock",
    "ThreadExecutor",
    "UnknownIdError",
    "check_currency",
    "compared",
    "data_text",
    "decode",
    "encode",
    "read_text",
    "reference_table",
    "silent",
    "to_decimal",
    "whole_path",
    "write_text",
    "write_whole",
]
