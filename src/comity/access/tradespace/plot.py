"""The tradespace as a picture: cost against revisit, GSD in colour, the front numbered and named."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from comity.access.tradespace.evaluate import Tradespace
from comity.core import whole_path

_NAMES = {
    "revisit_mean": "mean revisit",
    "revisit_p95": "95th percentile of revisit",
    "revisit_max": "longest revisit",
    "response_mean": "mean response time",
}
#: Members of the front that are named beside the plot; the rest are in the table.
_NAMED = 36


def write_plot(found: Tradespace, path: Path) -> Path:
    """Designs as points (cost, revisit), coloured by GSD at the edge; the front ringed and numbered."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    able = [
        (one, front)
        for one, front in zip(found.outcomes, found.front, strict=True)
        if found.revisit_s(one) is not None and math.isfinite(one.gsd_edge_m)
    ]
    page = Figure(figsize=(11.0, 6.2), layout="constrained")
    FigureCanvasAgg(page)
    axes, key = page.subplots(1, 2, width_ratios=(3.0, 1.15))
    key.axis("off")
    study = found.study
    days = study.interval.duration_s / 86_400.0
    region = study.region.partition(":")[2] or "the world"
    light = study.options.min_sun_elevation_deg
    lit = "" if light is None else f", sun ≥ {light:g}°"
    axes.set_title(
        f"{study.title}\n{region}, {days:g} days from {study.interval.start.iso(0)[:10]}{lit}; "
        f"{len(found.outcomes)} designs",
        loc="left",
        fontsize=11,
    )
    if able:
        _points(page, axes, key, found, able)
    else:
        axes.text(0.5, 0.5, "no design has a revisit", transform=axes.transAxes, ha="center")
    with whole_path(path) as part:
        page.savefig(part, format="png", dpi=150)
    return path


def _points(page: Any, axes: Any, key: Any, found: Tradespace, able: list[tuple[Any, bool]]) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    study = found.study
    cost = np.array([float(one.cost) for one, _ in able])
    revisit = np.array([found.revisit_s(one) or 0.0 for one, _ in able]) / 3600.0
    gsd = np.array([one.gsd_edge_m for one, _ in able])
    front = np.array([flag for _, flag in able], dtype=np.bool_)
    seen = np.array([found.sees_enough(one) for one, _ in able], dtype=np.bool_)
    factor, money = _money(float(cost.max()), study.costs.currency)
    scale: dict[str, Any] = {"cmap": "viridis_r", "vmin": float(gsd.min()), "vmax": float(gsd.max()) + 1e-9}
    rest = seen & ~front
    twice = " twice" if study.objective.startswith("revisit") else ""
    axes.scatter(cost[rest] / factor, revisit[rest], c=gsd[rest], s=26, alpha=0.75, linewidths=0, **scale)
    if (~seen).any():
        axes.scatter(
            cost[~seen] / factor, revisit[~seen], marker="x", c="#999999", s=22, linewidths=0.9, zorder=1,
            label=f"sees less than {100 * study.min_seen:g} % of the area{twice}",
        )  # fmt: skip
        axes.legend(loc="upper right", fontsize=8)
    order = sorted(
        np.flatnonzero(front).tolist(), key=lambda k: (cost[k], revisit[k], able[k][0].design.label)
    )
    for number, k in enumerate(order, start=1):  # each above the one before, its number with it
        axes.scatter(
            cost[k] / factor, revisit[k], c=[gsd[k]], s=125, edgecolors="black", linewidths=0.9,
            zorder=4.0 + number / 1000.0, **scale,
        )  # fmt: skip
    colours = ScalarMappable(Normalize(scale["vmin"], scale["vmax"]), scale["cmap"])
    page.colorbar(colours, ax=axes, pad=0.015, aspect=30).set_label("GSD at the edge of the field (m)")
    axes.set_xlabel(f"cost over {study.costs.years} years ({money})")
    axes.set_ylabel(f"{_NAMES[study.objective]} (h)")
    shown = revisit[seen] if seen.any() else revisit
    if shown.max() > 20.0 * shown.min() > 0.0:
        axes.set_yscale("log")
        from matplotlib.ticker import FuncFormatter, LogLocator

        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    axes.grid(alpha=0.25, linewidth=0.6)
    rgb = colours.to_rgba(gsd)[:, :3]
    shade = rgb @ np.array([0.30, 0.59, 0.11])
    _name(axes, key, [one.design.label for one, _ in able], cost / factor, revisit, shade, front)


def _name(axes: Any, key: Any, labels: list[str], cost: Any, revisit: Any, shade: Any, front: Any) -> None:
    """Number the front from the cheapest on, and say beside the plot what each number is.

    ``shade``: how bright each point's colour is, 0 … 1; numbers stand on it in black or white.
    """
    members = sorted(np.flatnonzero(front).tolist(), key=lambda k: (cost[k], revisit[k], labels[k]))
    for number, k in enumerate(members, start=1):
        axes.annotate(
            str(number), (cost[k], revisit[k]), ha="center", va="center", fontsize=6.8, fontweight="bold",
            color="black" if shade[k] > 0.55 else "white", zorder=4.0 + number / 1000.0 + 0.0005,
        )  # fmt: skip
    lines = [f"{number:>2}  {labels[k]}" for number, k in enumerate(members[:_NAMED], start=1)]
    if len(members) > _NAMED:
        lines.append(f"… and {len(members) - _NAMED} more: see the table")
    size = 8.5 if len(lines) <= 24 else 8.5 * 24 / len(lines)
    key.text(0.0, 1.0, "Pareto front (planes × satellites each)", fontsize=9, fontweight="bold", va="top")
    key.text(0.0, 0.955, "\n".join(lines), fontsize=size, va="top", linespacing=1.5)


def _money(top: float, currency: str) -> tuple[float, str]:
    if currency == "relative":
        return 1.0, "relative"
    for factor, word in ((1e9, "thousand million "), (1e6, "million ")):
        if top >= 2.0 * factor:
            return factor, word + currency
    return 1.0, currency
