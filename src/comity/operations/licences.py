"""What the licences say: of a request when it is quoted, and of each image at its own geometry."""

from __future__ import annotations

from dataclasses import replace

import shapely
from shapely.geometry.base import BaseGeometry

from comity.access import ImagingWindow, Look
from comity.commerce import Decision, Quote, decide
from comity.core import Epoch
from comity.fleet import Programme, Request, Target, territories_at, territory
from comity.services.imaging import suitable_instruments


def licence_decisions(programme: Programme, request: Request, now: Epoch) -> tuple[Decision, ...]:
    """What every owner's rules say of each target, at each GSD its suitable instruments give."""
    offers = sorted(
        {(craft.owner, instrument.gsd_m) for craft, instrument in suitable_instruments(programme, request)}
    )
    return tuple(
        decide(
            programme.rules,
            customer=request.customer,
            target=target,
            owner=owner,
            gsd_m=gsd_m,
            at=now,
        )
        for target in request.targets
        for owner, gsd_m in offers
    )


def deliverable(programme: Programme, request: Request, quote: Quote) -> dict[str, dict[str, float]]:
    """Target → ``spacecraft/instrument`` → finest GSD that may be delivered, for targets in the quote."""
    by_offer = {(d.inputs.target, d.inputs.owner, d.inputs.gsd_m): d for d in quote.decisions}
    charged = {line.target for line in quote.lines}
    allowed: dict[str, dict[str, float]] = {target: {} for target in charged}
    for craft, instrument in suitable_instruments(programme, request):
        for target in charged:
            decision = by_offer.get((target, craft.owner, instrument.gsd_m))
            if decision is None:
                continue  # not in the pool when the quote was made
            if decision.effect == "coarsen" and decision.deliver_gsd_m is not None:
                allowed[target][f"{craft.id}/{instrument.id}"] = decision.deliver_gsd_m
            elif decision.effect == "allow":
                allowed[target][f"{craft.id}/{instrument.id}"] = 0.0
    return allowed


def image_decision(
    programme: Programme, request: Request, window: ImagingWindow, look: Look, now: Epoch
) -> Decision:
    """What the owner's rules say of one image at the ground sample distance of its ``look``."""
    name = window.target.split("/strip-")[0]
    return decide(
        programme.rules,
        customer=request.customer,
        target=next(target for target in request.targets if target.id == name),
        owner=programme.craft(window.spacecraft).owner,
        gsd_m=look.gsd_m,
        at=now,
    )


def may_image(programme: Programme, request: Request, window: ImagingWindow, look: Look, now: Epoch) -> bool:
    """Whether the rules let an image of an offered instrument be taken at this look.

    The quote was decided at the instrument's nominal GSD; only a spacecraft that flies below the altitude
    of that figure sees finer, and may so come under a stricter rule.
    """
    if look.gsd_m >= programme.instrument(window.spacecraft, window.instrument).gsd_m:
        return True
    return image_decision(programme, request, window, look, now).effect != "refuse"


def licensed_ground(
    programme: Programme,
    request: Request,
    target: Target,
    spacecraft: str,
    footprint: BaseGeometry,
    deliver_gsd_m: float,
    now: Epoch,
) -> BaseGeometry:
    """The part of a footprint that may be delivered at ``deliver_gsd_m``.

    The frame around a point reaches beyond the territory the point lies in; what it shows of another is
    decided as if that had been asked for, and cut off where it is refused or must be coarser.
    """
    owner = programme.craft(spacecraft).owner
    ground = footprint
    for name, _ in territories_at(footprint):
        if name == target.territory:
            continue
        decision = decide(
            programme.rules,
            customer=request.customer,
            target=replace(target, territory=name, territories=(name,)),
            owner=owner,
            gsd_m=deliver_gsd_m,
            at=now,
        )
        if decision.effect != "allow":
            ground = ground.difference(territory(name).geometry)
    return polygons_of(ground)


def polygons_of(geometry: BaseGeometry) -> BaseGeometry:
    """The polygons of a geometry, without the lines and points that clipping leaves."""
    parts = [p for p in shapely.get_parts(geometry) if p.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(parts)
