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
from comity.core.spans import Facts, Watcher, coming_from, origin, span, watch_spans
from comity.core.time import Epoch, Interval
from comity.core.validation import Check, Comparison, ReferenceTable, compared, data_text, reference_table

__all__ = [
    "Check",
    "Clock",
    "ComityError",
    "Comparison",
    "Epoch",
    "Executor",
    "Facts",
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
    "Watcher",
    "check_currency",
    "coming_from",
    "compared",
    "data_text",
    "decode",
    "encode",
    "origin",
    "read_text",
    "reference_table",
    "silent",
    "span",
    "to_decimal",
    "watch_spans",
    "whole_path",
    "write_text",
    "write_whole",
]
