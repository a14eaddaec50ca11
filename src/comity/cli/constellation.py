"""A constellation and what it can see, from the options that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from comity.access.coverage import Sensor
from comity.access.coverage.notation import ltan_of, walker_of
from comity.access.coverage.planes import sun_synchronous_planes
from comity.cli.trajectories import load_trajectories
from comity.core import Epoch, InputError, Interval, UnknownIdError
from comity.fleet import Instrument, Programme, Spacecraft, load_programme
from comity.orbits import EarthOrientation, MeanElements, Trajectory, sgp4_trajectories
from comity.orbits.constellations import walker_delta, walker_star

#: The programme whose instruments are meant where none is named.
DEFAULT_PROGRAMME = "joint-eo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Orbits:
    """The options that say which satellites; exactly one of the first five is given."""

    walker: str | None = None
    star: str | None = None
    sso: bool = False
    elements: Path | None = None
    programme: str | None = None
    only: str | None = None
    altitude_km: float | None = None
    ltan: str | None = None
    sats: int | None = None
    planes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeing:
    """The options that say what a satellite sees; exactly one is given."""

    max_off_nadir_deg: float | None = None
    min_elevation_deg: float | None = None
    swath_km: float | None = None
    instrument: str | None = None


@dataclass(slots=True, kw_only=True)
class Constellation:
    """Satellites with their sensors; ``label`` in a few words; ``skipped``: a reason for each left out."""

    label: str
    trajectories: list[Trajectory]
    sensors: list[Sensor]
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_orbits(orbits: Orbits) -> None:
    """Refuse none or several constellations, and options that belong to another kind."""
    kinds = {
        "--walker": orbits.walker,
        "--star": orbits.star,
        "--sso": orbits.sso or None,
        "--elements": orbits.elements,
        "--programme": orbits.programme,
    }
    given = [name for name, value in kinds.items() if value is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise InputError(f"give one constellation ({', '.join(kinds)}); given: {found}")
    kind = given[0]
    belongs = {
        "--altitude-km": (orbits.altitude_km, ("--walker", "--star", "--sso")),
        "--ltan": (orbits.ltan, ("--sso",)),
        "--sats": (orbits.sats, ("--sso",)),
        "--planes": (orbits.planes, ("--sso",)),
        "--only": (orbits.only, ("--elements", "--programme")),
    }
    for name, (value, owners) in belongs.items():
        if value is not None and kind not in owners:
            raise InputError(f"{name} goes with {', '.join(owners)}, not with {kind}")
    if kind in ("--walker", "--star", "--sso") and orbits.altitude_km is None:
        raise InputError(f"{kind} needs --altitude-km")
    for name, count in (("--sats", orbits.sats), ("--planes", orbits.planes)):
        if count is not None and count < 1:
            raise InputError(f"{name} {count} is less than 1")
    if kind == "--sso" and orbits.ltan is None:
        raise InputError("--sso needs --ltan HH:MM, the local time of the ascending node")


def build_constellation(
    orbits: Orbits, seeing: Seeing, interval: Interval, eop: EarthOrientation
) -> Constellation:
    """The satellites and sensors that the options name.

    Raises :class:`InputError` for options that do not go together or values out of range,
    :class:`UnknownIdError` for a programme, spacecraft or instrument that is none.
    """
    check_orbits(orbits)
    if orbits.programme is not None:
        return _of_programme(load_programme(orbits.programme), orbits.only, seeing, eop)
    sensor, seen = _sensor(seeing)
    if orbits.elements is not None:
        loaded = load_trajectories(orbits.elements, orbits.only, interval, eop)
        label = _listed([one.name for one in loaded.trajectories])
        found = Constellation(
            label=label,
            trajectories=loaded.trajectories,
            sensors=[],
            skipped=loaded.skipped,
            notes=loaded.notes,
        )
    else:
        elements, label = _built(orbits, interval.start)
        trajectories, refused = sgp4_trajectories(elements, eop)
        found = Constellation(
            label=label, trajectories=list(trajectories), sensors=[], skipped=[str(one) for one in refused]
        )
        note = eop.prediction_note(interval)
        if note:
            found.notes.append(note)
    if not found.trajectories:
        raise InputError(f"no satellite of {label} can be used: {'; '.join(found.skipped[:3])}")
    found.sensors = [sensor] * len(found.trajectories)
    found.label += f", {seen}" if seen else ""
    return found


def _built(orbits: Orbits, epoch: Epoch) -> tuple[Sequence[MeanElements], str]:
    """Elements of a Walker delta or star, or of sun-synchronous planes, at ``epoch``; and their label."""
    altitude_m = 1000.0 * (orbits.altitude_km or 0.0)
    if orbits.sso:
        ltan_h = ltan_of(orbits.ltan or "")
        sats, planes = (1 if count is None else count for count in (orbits.sats, orbits.planes))
        elements = sun_synchronous_planes(sats, planes, altitude_m=altitude_m, ltan_h=ltan_h, epoch=epoch)
        count = f"{sats} satellite{'s' if sats > 1 else ''} in {planes} plane{'s' if planes > 1 else ''}"
        return elements, f"SSO {orbits.ltan}, {orbits.altitude_km:g} km, {count}"
    text, build = (orbits.walker, walker_delta) if orbits.walker else (orbits.star or "", walker_star)
    inclination, total, planes, phasing = walker_of(text)
    elements = build(
        total,
        planes,
        phasing,
        inclination_deg=inclination,
        altitude_m=altitude_m,
        epoch=epoch,
    )
    name = "Walker delta" if orbits.walker else "Walker star"
    return elements, f"{name} {inclination:g}°: {total}/{planes}/{phasing}, {orbits.altitude_km:g} km"


def _of_programme(
    programme: Programme, only: str | None, seeing: Seeing, eop: EarthOrientation
) -> Constellation:
    craft = [one for one in programme.spacecraft if only is None or _named(one, only)]
    if only is not None:
        for part in only.split(","):
            if not any(_named(one, part) for one in craft):
                known = tuple(one.id for one in programme.spacecraft)
                raise UnknownIdError(f"spacecraft of {programme.id}", part.strip(), known)
    if seeing == Seeing():
        ids = sorted({one.id for each in craft for one in each.instruments})
        raise InputError(
            "say what the spacecraft see: --instrument (" + ", ".join(ids) + "), --max-off-nadir-deg, "
            "--min-elevation-deg or --swath-km"
        )
    notes: list[str] = []
    if seeing.instrument is None:
        sensor, seen = _sensor(seeing)
        pairs = [(one, sensor) for one in craft]
    else:
        wanted = [part.strip() for part in seeing.instrument.split(",")]
        for id in wanted:
            _instrument(programme, id)
        pairs = [
            (one, _widest([i for i in one.instruments if i.id in wanted]))
            for one in craft
            if any(i.id in wanted for i in one.instruments)
        ]
        seen = ", ".join(wanted)
        if not pairs:
            raise InputError(f"none of the spacecraft chosen carries {seen}")
        if len(pairs) < len(craft):
            notes.append(f"{len(craft) - len(pairs)} spacecraft do not carry {seen} and take no part")
    used: list[Trajectory] = []
    sensors: list[Sensor] = []
    skipped: list[str] = []
    for one, sensor in pairs:
        good, refused = sgp4_trajectories([programme.elements[one.norad_id]], eop)
        skipped += [str(error) for error in refused]
        used += good
        sensors += [sensor] * len(good)
    if not used:
        raise InputError(f"no spacecraft of {programme.id} can be used: {'; '.join(skipped[:3])}")
    label = f"{programme.id}: {_listed([one.name for one, _ in pairs])}" + (f", {seen}" if seen else "")
    return Constellation(label=label, trajectories=used, sensors=sensors, skipped=skipped, notes=notes)


def _named(craft: Spacecraft, only: str) -> bool:
    keys = {part.strip().casefold() for part in only.split(",")}
    return bool(keys & {craft.id.casefold(), craft.name.casefold(), str(craft.norad_id)})


def _sensor(seeing: Seeing) -> tuple[Sensor, str]:
    """The sensor that the options name, and the instrument's name where one is meant."""
    given = {
        "--max-off-nadir-deg": seeing.max_off_nadir_deg,
        "--min-elevation-deg": seeing.min_elevation_deg,
        "--swath-km": seeing.swath_km,
        "--instrument": seeing.instrument,
    }
    if sum(value is not None for value in given.values()) != 1:
        found = " and ".join(name for name, value in given.items() if value is not None) or "none"
        raise InputError(f"say what the satellites see with one of {', '.join(given)}; given: {found}")
    if seeing.instrument is not None:
        programme, colon, id = seeing.instrument.rpartition(":")
        instrument = _instrument(load_programme(programme if colon else DEFAULT_PROGRAMME), id)
        return _widest([instrument]), instrument.name
    swath_m = None if seeing.swath_km is None else 1000.0 * seeing.swath_km
    sensor = Sensor(
        max_off_nadir_deg=seeing.max_off_nadir_deg,
        min_elevation_deg=seeing.min_elevation_deg,
        swath_m=swath_m,
    )
    return sensor, ""


def _instrument(programme: Programme, id: str) -> Instrument:
    known = {one.id: one for craft in programme.spacecraft for one in craft.instruments}
    if id not in known:
        raise UnknownIdError(f"instrument of {programme.id}", id, tuple(known))
    return known[id]


def _widest(instruments: Sequence[Instrument]) -> Sensor:
    """What the instrument that reaches farthest can see: its steering range, or its fixed swath."""
    agile = [one for one in instruments if one.pointing == "agile"]
    if agile:
        return Sensor(max_off_nadir_deg=max(one.max_off_nadir_deg for one in agile))
    return Sensor(swath_m=max(one.swath_m for one in instruments))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} spacecraft"
