"""Rows "at most one" and "at most two" of many choices, which say more than pairs and triplets one by one.

Valid for every plan; see Padberg (1973, On the facial structure of set packing polyhedra) for cliques and
Ribeiro, Constantino, Lorena (2010, Strong formulation for the SPOT 5 daily photograph scheduling problem)
for the use of sets of which no three fit together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from comity.planning.conflicts.graph import Graph, bits


@dataclass(frozen=True, slots=True)
class Row:
    """Σ ``weights``·(choice taken) ≤ ``most``."""

    choices: tuple[int, ...]
    weights: tuple[float, ...]
    most: float


def packing_rows(graph: Graph) -> list[Row]:
    """Rows that together say exactly what the exclusions and larger forbidden sets say, but tighter."""
    triplets: list[tuple[int, ...]] = [each for each in graph.larger if len(each) == 3]
    rows = [Row(tuple(c), (1.0,) * len(c), 1.0) for c in cliques(graph)]
    rows += _pairs_at_most(graph, triplets)
    rows += [Row(c, (1.0,) * len(c), len(c) - 1.0) for c in graph.larger if len(c) > 3]
    return rows


def knapsack_rows(graph: Graph) -> list[Row]:
    """The capacities as rows."""
    rows = []
    for amounts, most in zip(graph.amounts, graph.most, strict=True):
        used = tuple(k for k, amount in enumerate(amounts) if amount > 0)
        rows.append(Row(used, tuple(amounts[k] for k in used), most))
    return rows


def cliques(graph: Graph) -> list[list[int]]:
    """Maximal cliques of choices that exclude each other, covering every exclusion."""
    excluded = graph.excluded
    uncovered = list(excluded)
    found = []
    for a in range(len(excluded)):
        while uncovered[a]:
            b = next(bits(uncovered[a]))
            clique = [a, b]
            inside = 1 << a | 1 << b
            common = excluded[a] & excluded[b]
            while common:
                best = max(
                    bits(common),
                    key=lambda d: ((uncovered[d] & inside).bit_count(), (excluded[d] & common).bit_count()),
                )
                clique.append(best)
                inside |= 1 << best
                common &= excluded[best]
            for k in clique:
                uncovered[k] &= ~inside
            found.append(sorted(clique))
    return found


def _pairs_at_most(graph: Graph, triplets: Sequence[tuple[int, ...]]) -> list[Row]:
    """Rows "at most two" that cover the forbidden ``triplets``.

    Each is grown from a triplet to a maximal set of which no three fit together. Whoever excludes all the
    others in the set then weighs two.
    """
    excluded = graph.excluded
    everything = (1 << len(excluded)) - 1
    third: dict[tuple[int, int], int] = {}
    for a, b, c in triplets:
        for p, q, r in ((a, b, c), (a, c, b), (b, c, a)):
            third[p, q] = third[q, p] = third.get((p, q), 0) | 1 << r
    rows = []
    uncovered = set(triplets)
    for triplet in triplets:
        if triplet not in uncovered:
            continue
        members: list[int] = []
        inside = 0
        fitting = everything
        waiting = list(triplet)
        while waiting or fitting:
            d = waiting.pop() if waiting else _most_triplets(fitting, members, inside, third, excluded)
            for p in members:
                if not excluded[p] >> d & 1:
                    fitting &= excluded[p] | excluded[d] | third.get((p, d), 0)
            members.append(d)
            inside |= 1 << d
            fitting &= ~inside
        for i, p in enumerate(members):
            for q in members[:i]:
                for r in bits(third.get((p, q), 0) & inside):
                    uncovered.discard(tuple(sorted((p, q, r))))
        rows.append(_weighted(members, inside, excluded))
    return rows


def _most_triplets(
    fitting: int,
    members: list[int],
    inside: int,
    third: dict[tuple[int, int], int],
    excluded: tuple[int, ...],
) -> int:
    def score(d: int) -> tuple[int, int, int]:
        shared = sum((third.get((p, d), 0) & inside).bit_count() for p in members)
        return shared, -(excluded[d] & inside).bit_count(), -d

    return max(bits(fitting), key=score)


def _weighted(members: list[int], inside: int, excluded: tuple[int, ...]) -> Row:
    weights = {k: 2.0 if excluded[k] & inside == inside & ~(1 << k) else 1.0 for k in members}
    outside = -1
    for k in members:
        outside &= excluded[k]
    outside &= (1 << len(excluded)) - 1
    while outside:
        best = max(bits(outside), key=lambda d: (excluded[d] & outside).bit_count())
        weights[best] = 2.0
        outside &= excluded[best]
    chosen = sorted(weights)
    return Row(tuple(chosen), tuple(weights[k] for k in chosen), 2.0)
