"""What the page's figures stand on: elements, clouds, assumptions, and what was simulated."""

from __future__ import annotations

from dataclasses import dataclass

from comity.core import Epoch
from comity.fleet import GroundStation, Instrument, Source, Spacecraft
from comity.server.report import text
from comity.server.report.lookup import Lookup


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementSet:
    """Spacecraft whose elements come from one source, with the range of their epochs."""

    source: str
    count: int
    first: Epoch
    last: Epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A figure with its source, and everything that has it from there; ``assumed``: nobody published it."""

    figure: str
    value: str
    names: tuple[str, ...]
    text: str
    assumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """``simulated`` of ``executed`` activities had their outcome drawn."""

    elements: tuple[ElementSet, ...]
    clouds: tuple[str, ...]
    cited: tuple[Cited, ...]
    sourced: int
    assumed: int
    simulated: int
    executed: int


def evidence(lookup: Lookup) -> Evidence:
    """Gather it from the programme and the activities."""
    account = lookup.account
    epochs: dict[str, list[Epoch]] = {}
    for craft in account.programme.spacecraft:
        elements = account.programme.elements.get(craft.norad_id)
        if elements is not None:
            epochs.setdefault(elements.source, []).append(elements.epoch)
    figures = _figures(lookup)
    executed = [a for a in account.activities if a.state in ("done", "failed")]
    return Evidence(
        elements=tuple(
            ElementSet(source=source, count=len(found), first=min(found), last=max(found))
            for source, found in sorted(epochs.items())
        ),
        clouds=tuple(sorted({a.cloud_source for a in account.activities if a.cloud_source})),
        cited=_grouped(figures),
        sourced=sum(not source.assumed for *_, source in figures),
        assumed=sum(source.assumed for *_, source in figures),
        simulated=sum(a.simulated for a in executed),
        executed=len(executed),
    )


_Figure = tuple[str, str, str, Source]


def _figures(lookup: Lookup) -> list[_Figure]:
    """(what it is about, figure, value, source) of every sourced figure of the programme."""
    owners: list[tuple[str, Spacecraft | Instrument | GroundStation]] = []
    for craft in lookup.account.programme.spacecraft:
        owners.append((craft.name, craft))
        owners += [(f"{craft.name} {instrument.name}", instrument) for instrument in craft.instruments]
    owners += [(station.name, station) for station in lookup.account.programme.stations]
    return [
        (name, *_read(figure, getattr(owner, figure, None)), source)
        for name, owner in owners
        for figure, source in owner.sources.items()
    ]


#: Field → its name in words, unit it is shown in, factor to that unit.
_WORDS: dict[str, tuple[str, str, float]] = {
    "gsd_m": ("GSD at nadir", "m", 1.0),
    "ms_gsd_m": ("multispectral GSD at nadir", "m", 1.0),
    "swath_m": ("swath", "km", 1e-3),
    "max_off_nadir_deg": ("off-nadir limit", "°", 1.0),
    "reference_altitude_m": ("altitude of these figures", "km", 1e-3),
    "bits_per_sample": ("bits per sample", "bit", 1.0),
    "data_rate_bps": ("data rate", "Mbit/s", 1e-6),
    "slew_rate_deg_s": ("slew rate", "°/s", 1.0),
    "slew_acceleration_deg_s2": ("slew acceleration", "°/s²", 1.0),
    "settle_s": ("settling time", "s", 1.0),
    "memory_bits": ("memory", "Gbit", 1e-9),
    "downlink_bps": ("downlink rate", "Mbit/s", 1e-6),
    "min_elevation_deg": ("lowest elevation", "°", 1.0),
    "lon_deg": ("longitude", "°", 1.0),
    "lat_deg": ("latitude", "°", 1.0),
    "altitude_m": ("altitude", "m", 1.0),
}


def _read(field: str, value: object) -> tuple[str, str]:
    """A field and its value for people."""
    words, unit, factor = _WORDS.get(field, (field.replace("_", " "), "", 1.0))
    if isinstance(value, tuple):
        return words, ", ".join(map(str, value))
    if isinstance(value, int | float):
        shown = f"{value * factor:.6g}".replace("-", text.MINUS)
        return words, shown + (unit if unit == "°" else text.THIN + unit if unit else "")
    return words, "" if value is None else str(value)


def _grouped(figures: list[_Figure]) -> tuple[Cited, ...]:
    """Equal figures from one source are one line, assumptions first."""
    groups: dict[tuple[bool, str, str, str], list[str]] = {}
    for name, figure, value, source in figures:
        groups.setdefault((not source.assumed, figure, value, source.text), []).append(name)
    return tuple(
        Cited(
            figure=figure,
            value=value,
            names=tuple(names),
            text=words.removeprefix("assumed: "),
            assumed=not published,
        )
        for (published, figure, value, words), names in sorted(groups.items())
    )
