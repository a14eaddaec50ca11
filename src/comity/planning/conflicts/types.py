"""Choices that exclude one another and share capacities: the problem, its plan and what checks a plan."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from comity.core import InputError

#: Amounts are sums of floats: so much, relative to what a capacity holds, is not held against a plan.
_SLACK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Knapsack:
    """The ``amounts`` of the ``choices`` that are taken must sum to ``most`` or less."""

    most: float
    choices: tuple[int, ...]
    amounts: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictProblem:
    """Take choices so that their values sum to the most.

    ``values`` (n,): what each choice earns, ≥ 0. ``owners`` (n,): the variable each choice is a value of
    (an image, a request); at most one choice of an owner is taken, none is allowed too. ``forbidden``:
    sets of one or more choices of which not all may be taken. ``knapsacks``: capacities they share.

    Raises :class:`InputError` for a negative or infinite number, an unknown choice or unequal lengths.
    """

    values: tuple[float, ...]
    owners: tuple[int, ...]
    forbidden: tuple[tuple[int, ...], ...] = ()
    knapsacks: tuple[Knapsack, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.values)
        if len(self.owners) != n:
            raise InputError(f"conflicts: {n} values but {len(self.owners)} owners; each choice has one")
        _check_numbers("value of a choice", self.values)
        for each in self.forbidden:
            if not each:
                raise InputError("conflicts: a forbidden set is empty; it must name at least one choice")
            _check_choices(each, n)
        for knapsack in self.knapsacks:
            if len(knapsack.choices) != len(knapsack.amounts):
                raise InputError(
                    f"conflicts: a knapsack has {len(knapsack.choices)} choices but "
                    f"{len(knapsack.amounts)} amounts"
                )
            if len(set(knapsack.choices)) != len(knapsack.choices):
                raise InputError("conflicts: a knapsack names a choice twice; add its amounts up")
            _check_choices(knapsack.choices, n)
            _check_numbers("amount in a knapsack", knapsack.amounts)
            _check_numbers("capacity of a knapsack", (knapsack.most,))


def _check_numbers(what: str, numbers: Iterable[float]) -> None:
    for number in numbers:
        if not (math.isfinite(number) and number >= 0):
            raise InputError(f"conflicts: {what} is {number}: it must be at least 0 and finite")


def _check_choices(choices: Iterable[int], count: int) -> None:
    for choice in choices:
        if not 0 <= choice < count:
            raise InputError(f"conflicts: choice {choice} is not one of the {count} choices (from 0)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictPlan:
    """Choices taken, rising, and what is proved about them.

    ``value``: what they earn together. ``upper``: no choice of choices earns more; equal to ``value`` where
    the plan is proven best. ``work``: units spent (see :func:`solve_conflicts`). ``stopped``: ``proven``,
    ``gap``, ``work``, ``wall``, ``interrupted`` or ``search ended`` (the solver's plan was not quite valid).
    """

    taken: tuple[int, ...]
    value: float
    upper: float
    work: int
    stopped: str

    @property
    def gap(self) -> float:
        """(upper − value) / upper; 0 where proven best."""
        return 0.0 if self.upper <= 0 else max(0.0, (self.upper - self.value) / self.upper)


def value_of(problem: ConflictProblem, taken: Iterable[int]) -> float:
    """What the choices ``taken`` earn together."""
    return math.fsum(problem.values[k] for k in taken)


def broken_rules(problem: ConflictProblem, taken: Iterable[int]) -> list[str]:
    """Every rule that taking ``taken`` breaks, in words; empty for a valid plan.

    Reads the problem as stated and shares nothing with the solver.
    """
    chosen = list(taken)
    inside = set(chosen)
    broken = [f"choice {k} does not exist" for k in chosen if not 0 <= k < len(problem.values)]
    if broken:
        return broken
    if len(inside) < len(chosen):
        broken.append("a choice is taken twice")
    first: dict[int, int] = {}
    for k in chosen:
        other = first.setdefault(problem.owners[k], k)
        if other != k:
            broken.append(f"choices {other} and {k} have the same owner")
    broken += [f"all of {each} are taken" for each in problem.forbidden if inside.issuperset(each)]
    for number, knapsack in enumerate(problem.knapsacks):
        used = math.fsum(a for k, a in zip(knapsack.choices, knapsack.amounts, strict=True) if k in inside)
        if used > knapsack.most * (1 + _SLACK) + _SLACK * _SLACK:
            broken.append(f"knapsack {number} holds {used}, more than {knapsack.most}")
    return broken
