"""What the page's figures stand on: elements, clouds, assumptions, and what was simulated."""

from __future__ import annotations

from dataclasses import dataclass

from comity.core import Epoch
from comity.fleet import Source
from comity.server.report.lookup import Lookup


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementSet:
    """Spacecraft whose elements come from one source, with the range of their epochs."""

    source: str
    count: int
    first: Epoch
    last: Epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """A figure that nobody published."""

    what: str
    figure: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """``simulated`` of ``executed`` activities had their outcome drawn."""

    elements: tuple[ElementSet, ...]
    clouds: tuple[str, ...]
    assumptions: tuple[Assumption, ...]
    sourced: int
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
    sources = list(_sources(lookup))
    executed = [a for a in account.activities if a.state in ("done", "failed")]
    return Evidence(
        elements=tuple(
            ElementSet(source=source, count=len(found), first=min(found), last=max(found))
            for source, found in sorted(epochs.items())
        ),
        clouds=tuple(sorted({a.cloud_source for a in account.activities if a.cloud_source})),
        assumptions=tuple(
            Assumption(what=what, figure=figure.replace("_", " "), text=source.text)
            for what, figure, source in sources
            if source.assumed
        ),
        sourced=sum(not source.assumed for *_, source in sources),
        simulated=sum(a.simulated for a in executed),
        executed=len(executed),
    )


def _sources(lookup: Lookup) -> list[tuple[str, str, Source]]:
    """(what it is about, figure, source) of every figure of the programme."""
    found: list[tuple[str, str, Source]] = []
    for craft in lookup.account.programme.spacecraft:
        found += [(craft.name, figure, source) for figure, source in craft.sources.items()]
        for instrument in craft.instruments:
            name = f"{craft.name} · {instrument.name}"
            found += [(name, figure, source) for figure, source in instrument.sources.items()]
    for station in lookup.account.programme.stations:
        found += [(station.name, figure, source) for figure, source in station.sources.items()]
    return found
