"""The problem as bit masks, with what can never help left out.

A set of choices is one integer, bit k for choice k: "all that exclude a and b" is a single ``&``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from comity.planning.conflicts.types import ConflictProblem


@dataclass(frozen=True, slots=True)
class Graph:
    """Choices worth a thought, renumbered from 0.

    ``choices``: their numbers in the problem. ``excluded[a]``: mask of what cannot be taken with a.
    ``larger``: forbidden sets of three or more, rising, none of which holds two that exclude each other.
    ``amounts[q][a]``: what a takes of knapsack q, ``most[q]`` its capacity; those that cannot be
    exceeded are left out.
    """

    choices: tuple[int, ...]
    values: tuple[float, ...]
    excluded: tuple[int, ...]
    larger: tuple[tuple[int, ...], ...]
    amounts: tuple[tuple[float, ...], ...]
    most: tuple[float, ...]


def bits(mask: int) -> Iterator[int]:
    """Numbers of the bits set in ``mask``, rising."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def reduced_graph(problem: ConflictProblem) -> Graph:
    """The graph of ``problem`` without choices that are impossible, worthless or dominated.

    a dominates b, which it excludes, if a earns no less, takes no more of any knapsack and fits wherever
    b does: then b can be replaced by a in any plan. The best value stays the same.
    """
    excluded, larger = _normalised(problem)
    n = len(problem.values)
    amounts = [[0.0] * n for _ in problem.knapsacks]
    alive = (1 << n) - 1
    for row, knapsack in zip(amounts, problem.knapsacks, strict=True):
        for k, amount in zip(knapsack.choices, knapsack.amounts, strict=True):
            row[k] = amount
            if amount > knapsack.most:
                alive &= ~(1 << k)
    for k in range(n):
        if problem.values[k] <= 0 or excluded[k] >> k & 1:
            alive &= ~(1 << k)
    columns = [tuple(row[k] for row in amounts) for k in range(n)]
    alive = _undominated(problem.values, excluded, larger, columns, alive)

    keep = tuple(bits(alive))
    new = {k: i for i, k in enumerate(keep)}
    rows = [
        (tuple(row[k] for k in keep), knapsack.most)
        for row, knapsack in zip(amounts, problem.knapsacks, strict=True)
    ]
    rows = [(row, most) for row, most in rows if sum(row) > most]
    return Graph(
        choices=keep,
        values=tuple(problem.values[k] for k in keep),
        excluded=tuple(sum(1 << new[j] for j in bits(excluded[k] & alive)) for k in keep),
        larger=tuple(tuple(new[k] for k in each) for each in larger if all(k in new for k in each)),
        amounts=tuple(row for row, _ in rows),
        most=tuple(most for _, most in rows),
    )


def _normalised(problem: ConflictProblem) -> tuple[list[int], list[tuple[int, ...]]]:
    """Who excludes whom (a choice that is forbidden alone excludes itself), and the larger sets."""
    n = len(problem.values)
    excluded = [0] * n
    of_owner: dict[int, int] = {}
    for k, owner in enumerate(problem.owners):
        of_owner[owner] = of_owner.get(owner, 0) | 1 << k
    for k, owner in enumerate(problem.owners):
        excluded[k] = of_owner[owner] & ~(1 << k)
    sets = {tuple(sorted(set(each))) for each in problem.forbidden}
    for each in sets:
        if len(each) <= 2:
            a, b = each[0], each[-1]
            excluded[a] |= 1 << b
            excluded[b] |= 1 << a
    larger = []
    for each in sorted(sets):
        if len(each) > 2:
            mask = sum(1 << k for k in each)
            if not any(excluded[k] & mask for k in each):
                larger.append(each)
    return excluded, larger


def _undominated(
    values: tuple[float, ...],
    excluded: list[int],
    larger: list[tuple[int, ...]],
    amounts: list[tuple[float, ...]],
    alive: int,
) -> int:
    rest: list[list[int]] = [[] for _ in values]
    for each in larger:
        mask = sum(1 << k for k in each)
        for k in each:
            rest[k].append(mask & ~(1 << k))

    def blocked(mask: int, b: int) -> bool:
        """Whether b cannot be taken with all of ``mask``."""
        return bool(excluded[b] & mask) or any(other & mask == other for other in rest[b])

    def dominates(a: int, b: int) -> bool:
        return (
            values[a] >= values[b]
            and all(x <= y for x, y in zip(amounts[a], amounts[b], strict=True))
            and not (excluded[a] & alive & ~(1 << b) & ~excluded[b])
            and all(blocked(mask, b) for mask in rest[a] if mask & alive == mask)
        )

    found = True
    while found:
        found = False
        for b in bits(alive):
            if any(dominates(a, b) for a in bits(excluded[b] & alive)):
                alive &= ~(1 << b)
                found = True
    return alive
