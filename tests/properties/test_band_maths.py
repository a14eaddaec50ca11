"""Band maths gives what numpy gives for the same words, and nothing where a band has nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from comity.imagery.reading import expression_of

NAMES = ("red", "nir", "b3")
LEAVES = st.one_of(
    st.sampled_from(NAMES),
    st.floats(0.0, 1e3, allow_subnormal=False).map(lambda number: f"{number:.4f}"),
    st.integers(0, 99).map(str),
)


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, st.sampled_from(["<", "<=", ">", ">="]), inner).map(
            lambda t: f"(({t[0]} {t[1]} {t[2]}) * 1)"
        ),
        st.tuples(st.sampled_from(["sqrt", "abs", "exp"]), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"where({t[0]}, {t[1]}, {t[2]})"),
        inner.map(lambda text: f"(-{text})"),
    )


VALUES = st.lists(
    st.one_of(st.just(float("nan")), st.floats(0.0, 2.0, width=32)), min_size=3 * 5, max_size=3 * 5
)


@given(st.recursive(LEAVES, larger, max_leaves=8), VALUES)
def test_the_same_as_numpy(text: str, values: list[float]) -> None:
    text = f"red * 0 + {text}"
    bands = dict(zip(NAMES, np.array(values, np.float32).reshape(3, 5), strict=True))
    expression = expression_of(text)
    got = expression({name: bands[name] for name in expression.names})
    scope = {
        **bands, "sqrt": np.sqrt, "abs": np.abs, "exp": np.exp,
        "where": lambda c, a, b: np.where(np.asarray(c) != 0, a, b),
    }  # fmt: skip
    with np.errstate(all="ignore"):
        floats = " ".join(text.split())
        expected = np.broadcast_to(np.asarray(_numpy(floats, scope), np.float32), (5,)).copy()
    missing = np.any([np.isnan(bands[name]) for name in expression.names], axis=0)
    expected[missing | ~np.isfinite(expected)] = np.nan
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def _numpy(text: str, scope: dict[str, object]) -> object:
    """The text as numpy reads it, its numbers as float32 arrays."""
    import re

    with_arrays = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)(?![\w.])", r"one(\1)", text)
    return eval(with_arrays, {"__builtins__": {}}, {**scope, "one": lambda x: np.asarray(x, np.float32)})
