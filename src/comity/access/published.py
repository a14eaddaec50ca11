"""What windows, eclipses and coverage are held against: other programs, and figures that missions publish.

The tables lie in this package's ``data`` folder; its README says where each is from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from comity.access.stations import Site, station_windows, window_table
from comity.core import (
    Check,
    Comparison,
    Interval,
    ReferenceTable,
    compared,
    data_text,
    reference_table,
)
from comity.orbits import (
    EarthOrientation,
    MeanElements,
    PropagationError,
    SGP4Trajectory,
    Trajectory,
    parse_elements,
    sgp4_trajectories,
)

FloatArray = NDArray[np.float64]
Span = tuple[float, float]
#: Spans (s from the day's start) by object and by site or kind.
Spans = dict[tuple[int, str], list[Span]]

PACKAGE = "comity.access"
DAY = Interval.from_iso("2024-09-22T00:00:00Z/2024-09-23T00:00:00Z")
MASK_DEG = 10.0
#: Sites of the reference passes: lon, lat, height above the ellipsoid (m).
SITES = {
    "djibouti": (43.145, 11.588, 15.0),
    "lac-assal": (42.416, 11.652, -155.0),
    "north-pole": (0.0, 90.0, 0.0),
    "south-pole": (45.0, -90.0, 2835.0),
    "antimeridian-fiji": (180.0, -16.8, 5.0),
    "antimeridian-chukotka": (-179.99, 65.2, 120.0),
    "svalbard": (15.39, 78.23, 450.0),
    "punta-arenas": (-70.87, -52.94, 30.0),
    "quito": (-78.5, -0.2, 2850.0),
    "beijing": (116.4, 39.9, 50.0),
}

_DEEP_SPACE_REV_PER_DAY = 6.4
#: Deep-space elements older than this (days) are propagated for years, where Orekit's SDP4 goes its own way.
_OLD_DAYS = 200.0


def checks() -> tuple[Check, ...]:
    """Every check of this package, in the order to run them."""
    return (
        Check(name="windows-sgp4", run=_against_dense_sgp4),
        Check(name="windows-skyfield", run=_against_skyfield),
        Check(name="windows-orekit", run=_against_orekit),
        Check(name="eclipses", run=_eclipses),
        Check(name="revisit", run=_revisit),
        Check(name="continuous-coverage", run=_continuous_coverage),
    )


def _against_dense_sgp4() -> list[Comparison]:
    name = "windows-sgp4.csv.gz"
    source = "dense sgp4 states (package sgp4), 300 real objects, 10 sites, a day, 10°"
    listed, tabled = _Matched(name, _listed()), _Matched(name, _tabled())
    return [
        *listed.missed(source),
        compared(
            "passes: edges, near-Earth orbits",
            source,
            listed.edges(deep=False),
            0.01,
            "s",
            "edges are given to 1 ms; the day's UT1 may be revised",
        ),
        compared(
            "passes: edges, deep-space orbits",
            source,
            listed.edges(deep=True),
            0.05,
            "s",
            "the same; some cross the mask at 10 m/s",
        ),
        compared(
            "passes in bulk (window_table): missed or invented",
            source,
            np.array([tabled.unmatched]),
            0,
            "windows",
            "none may be",
            count=tabled.windows,
        ),
        compared(
            "passes in bulk (window_table): edges, near-Earth orbits",
            source,
            tabled.edges(deep=False),
            0.01,
            "s",
            "a curve within 0.1 m of SGP4",
        ),
    ]


def _against_skyfield() -> list[Comparison]:
    source = "Skyfield positions and a bisection, the same objects, sites and day"
    matched = _Matched("windows-skyfield.csv.gz", _listed())
    why = "Skyfield reads Bulletin A's UT1, 40 µs off Bulletin B's; both search by sign changes"
    return [
        *matched.missed(source),
        compared("passes: edges, all orbits", source, matched.edges(), 0.1, "s", why),
    ]


def _against_orekit() -> list[Comparison]:
    source = "Orekit ElevationDetector, the same objects, sites and day"
    matched = _Matched("windows-orekit.csv.gz", _listed())
    pole = "Orekit's TEME has the pole of IAU 1980 nutation: 1 m at low orbits, 7 m at high ones"
    return [
        *matched.missed(source),
        compared("passes: edges, near-Earth orbits", source, matched.edges(deep=False), 0.1, "s", pole),
        compared(
            f"passes: edges, deep-space orbits, elements younger than {_OLD_DAYS:g} days",
            source,
            matched.edges(deep=True, old=False),
            0.5,
            "s",
            pole + ", where grazing passes cross the mask at a few m/s",
        ),
        compared(
            f"passes: edges, deep-space orbits, elements older than {_OLD_DAYS:g} days",
            source,
            matched.edges(deep=True, old=True),
            120.0,
            "s",
            "over years Orekit's SDP4 counts leap seconds, and drifts by up to 10 km",
        ),
    ]


class _Matched:
    """Windows of a reference table paired with ours."""

    def __init__(self, name: str, ours: Spans) -> None:
        table = reference_table(PACKAGE, name)
        theirs = _spans_of(table, "site")
        pairs = [
            (key[0], one, other)
            for key in theirs.keys() | ours.keys()
            for one, other in _paired(theirs.get(key, []), ours.get(key, []))
        ]
        shortest = float(str(table.about["shortest_s"]))
        lone = [one or other for _, one, other in pairs if one is None or other is None]
        self.windows = len(pairs)
        # what the other program's search cannot see says nothing about ours
        self.unmatched = sum(span is not None and span[1] - span[0] > shortest for span in lone)
        both = [(norad, one, other) for norad, one, other in pairs if one is not None and other is not None]
        self._edges = np.array([[other[0] - one[0], other[1] - one[1]] for _, one, other in both])
        elements = {one.norad_id: one for one in _objects()}
        self._deep = np.array([_is_deep(elements[norad]) for norad, _, _ in both])
        self._old = np.array([elements[n].age_s(DAY.start) > _OLD_DAYS * 86_400.0 for n, _, _ in both])

    def edges(self, deep: bool | None = None, old: bool | None = None) -> FloatArray:
        """Differences of starts and ends (n, 2) s."""
        kept = np.ones(len(self._edges), dtype=np.bool_)
        if deep is not None:
            kept &= self._deep == deep
        if old is not None:
            kept &= self._old == old
        return np.asarray(self._edges[kept], dtype=np.float64)

    def missed(self, source: str) -> list[Comparison]:
        """The one line that counts windows without a partner."""
        unmatched = np.array([self.unmatched])
        figure = "passes: missed or invented"
        return [compared(figure, source, unmatched, 0, "windows", "none may be", count=self.windows)]


@cache
def _objects() -> tuple[MeanElements, ...]:
    text = data_text("comity.orbits", "catalogue-300.3le")
    return parse_elements(text, "catalogue-300.3le").elements


@cache
def _trajectories() -> tuple[SGP4Trajectory, ...]:
    return tuple(sgp4_trajectories(_objects(), EarthOrientation.bundled())[0])


def _sites() -> list[Site]:
    return [
        Site(name=name, lon_deg=lon, lat_deg=lat, altitude_m=height, min_elevation_deg=MASK_DEG)
        for name, (lon, lat, height) in SITES.items()
    ]


def _left_out(_trajectory: Trajectory, _error: PropagationError) -> None:
    """Objects that decayed have no windows; the reference has none of them either."""


@cache
def _listed() -> Spans:
    spans: Spans = defaultdict(list)
    for window in station_windows(_trajectories(), _sites(), DAY, on_error=_left_out):
        start, end = window.interval.start - DAY.start, window.interval.end - DAY.start
        spans[window.norad_id, window.target].append((start, end))
    return spans


@cache
def _tabled() -> Spans:
    spans: Spans = defaultdict(list)
    table = window_table(_trajectories(), _sites(), DAY, on_error=_left_out)
    for spacecraft, site, start, end, _, _ in table.rows():
        spans[table.trajectories[spacecraft].norad_id, table.sites[site]].append((start, end))
    return spans


def _spans_of(table: ReferenceTable, what: str) -> Spans:
    spans: Spans = defaultdict(list)
    rows = zip(
        table.text("norad_id"),
        table.text(what),
        table.numbers("start_s").tolist(),
        table.numbers("end_s").tolist(),
        strict=True,
    )
    for norad, name, start, end in rows:
        if name:  # a decayed object stands in the table without a window
            spans[int(norad), str(name)].append((start, end))
    return spans


def _paired(one: list[Span], other: list[Span]) -> Iterator[tuple[Span | None, Span | None]]:
    """Spans that overlap, in pairs; those without a partner with None."""
    left = list(other)
    for span in one:
        partner = next((w for w in left if w[0] < span[1] and span[0] < w[1]), None)
        if partner is not None:
            left.remove(partner)
        yield span, partner
    for span in left:
        yield None, span


def _is_deep(elements: MeanElements) -> bool:
    return elements.mean_motion < _DEEP_SPACE_REV_PER_DAY


def _eclipses() -> list[Comparison]:
    from comity.access.conditions import eclipsed, find_all_events, umbra

    table = reference_table(PACKAGE, "eclipses-orekit.csv.gz")
    theirs = _spans_of(table, "kind")
    shortest = float(str(table.about["shortest_s"]))
    edges: dict[tuple[str, bool], list[Span]] = defaultdict(list)
    unmatched = count = 0
    for norad in sorted({key[0] for key in theirs}):
        one = next(t for t in _trajectories() if t.norad_id == norad)
        events = find_all_events({"umbra": umbra(one), "penumbra": eclipsed(one)}, DAY)
        for kind in ("umbra", "penumbra"):
            ours = [
                (e.interval.start - DAY.start, e.interval.end - DAY.start) for e in events if e.what == kind
            ]
            for known, found in _paired(theirs.get((norad, kind), []), ours):
                count += 1
                if known is None or found is None:
                    lone = known or found
                    unmatched += lone is not None and lone[1] - lone[0] > shortest
                    continue
                difference = found[0] - known[0], found[1] - known[1]
                edges[kind, _is_deep(one.elements)].append(difference)
    source = (
        "Orekit EclipseDetector: conical, WGS-84 ellipsoid, apparent Sun of DE440; 65 real objects, a day"
    )
    why = "Comity flattens the Sun's disk with the Earth, by 0.3 %; high orbits pass the shadow's edge slowly"
    lines = [
        compared(
            "eclipses: missed or invented",
            source,
            np.array([unmatched]),
            0,
            "eclipses",
            "none may be",
            count=count,
        )
    ]
    for kind, word in (("umbra", "umbra"), ("penumbra", "outer edge of the penumbra")):
        for deep, orbits, tolerance in ((False, "near-Earth", 0.1), (True, "deep-space", 1.0)):
            figure = f"eclipses: {word}, {orbits} orbits"
            lines.append(compared(figure, source, np.array(edges[kind, deep]), tolerance, "s", why))
    return lines


def _revisit() -> list[Comparison]:
    from comity.access.published_revisit import revisit

    return revisit()


def _continuous_coverage() -> list[Comparison]:
    from comity.access.published_revisit import continuous_coverage

    return continuous_coverage()
