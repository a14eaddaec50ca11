"""Linear rows of a problem's rules and worth, on nodes and on variables of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from comity.planning.paths.resources import Coupling

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: A variable with its factor.
Term = tuple[int, float]


class Rows:
    """Rows ``nodes @ x + extra @ z ≤ limit`` in the making; ``value`` (n,): what each node adds by itself."""

    def __init__(self, nodes: int) -> None:
        self.n = nodes
        self.value = np.zeros(nodes)
        self._limits: list[float] = []
        self._equal: list[bool] = []
        self._parts: list[tuple[IntArray, IntArray, FloatArray]] = []
        self._terms: list[tuple[int, int, float]] = []
        self._variables: list[tuple[float, float, bool, float, int, bool]] = []

    @property
    def count(self) -> int:
        """Rows so far."""
        return len(self._limits)

    def variable(
        self,
        low: float,
        high: float,
        *,
        gain: float = 0.0,
        whole: bool = False,
        satellite: int = -1,
        charge: bool = False,
    ) -> int:
        """A new z in [low, high] that adds ``gain`` · z to a plan's value."""
        self._variables.append((low, high, whole, gain, satellite, charge))
        return len(self._variables) - 1

    def row(
        self,
        nodes: IntArray | Sequence[int],
        factors: FloatArray | float,
        terms: Sequence[Term],
        limit: float,
        *,
        equal: bool = False,
    ) -> int:
        """factors · x + terms ≤ limit (= where ``equal``); its place."""
        k = len(self._limits)
        self._limits.append(limit)
        self._equal.append(equal)
        where = np.asarray(nodes, dtype=np.int64)
        if len(where):
            self.put(np.full(len(where), k), where, np.broadcast_to(np.float64(factors), where.shape))
        self._terms += [(k, column, factor) for column, factor in terms]
        return k

    def put(self, rows: IntArray, nodes: IntArray, factors: FloatArray) -> None:
        """Factors of nodes in rows there are."""
        self._parts.append((rows, nodes, np.asarray(factors, dtype=np.float64)))

    def coupling(self) -> Coupling:
        """The rows as arrays."""
        m, q = len(self._limits), len(self._variables)
        nothing = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        r, c, v = (np.concatenate(each) for each in zip(*self._parts, nothing, strict=True))
        terms = np.array(self._terms, dtype=np.float64).reshape(-1, 3)
        variables = np.array(self._variables, dtype=np.float64).reshape(-1, 6)
        place = terms[:, :2].astype(np.int64)
        none = np.empty(0, np.int64)
        return Coupling(
            nodes=csr_matrix((v, (r, c)), shape=(m, self.n)),
            extra=csr_matrix((terms[:, 2], (place[:, 0], place[:, 1])), shape=(m, q)),
            limit=np.array(self._limits, dtype=np.float64),
            equal=np.array(self._equal, dtype=np.bool_),
            low=variables[:, 0],
            high=variables[:, 1],
            whole=variables[:, 2] > 0,
            gain=variables[:, 3],
            satellite=variables[:, 4].astype(np.int64),
            charge=variables[:, 5] > 0,
            contact=none,
            sent=none,
        )
