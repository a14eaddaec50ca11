"""SPOT5 photograph selection (Bensana, Lemaître, Verfaillie 1999): ``.spot`` files and ``id value`` plans.

A file lists images with a profit and the camera values each may take (with the memory each uses), then
forbidden tuples of values of two or three images, and, where memory is limited, its capacity on the last
line. Nothing in it has a time: an image becomes a request, each of its values an opportunity without
duration. Memory counts as the published results count it: floor(raw ÷ 450) per image, 200 in all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from comity.core import Epoch, InputError
from comity.core.files import read_text
from comity.planning.problem import (
    Activity,
    Capacity,
    Forbidden,
    Opportunity,
    Plan,
    PlanningProblem,
    Request,
    Satellite,
)

#: What one unit of memory is in the published model, and the capacity (raw) of files that lack theirs.
MEMORY_UNIT = 450.0
CAPACITY_RAW = 90_000.0

_EPOCH = Epoch.from_iso("2000-01-01T00:00:00Z")
_SATELLITE = "spot5"
_MEMORY = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot5Image:
    """An image: ``profit``, and the memory (raw units) of each camera value it may take."""

    id: str
    profit: float
    values: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot5Instance:
    """A ``.spot`` file. ``forbidden``: tuples of (image, value) that must not all be chosen.

    ``capacity``: memory (raw units), None where nothing uses any.
    """

    images: tuple[Spot5Image, ...]
    forbidden: tuple[tuple[tuple[str, str], ...], ...]
    capacity: float | None


def read_spot5(path: Path) -> Spot5Instance:
    """The instance in a ``.spot`` file. Raises :class:`InputError` naming the file and the line."""
    return parse_spot5(read_text(path), path.name)


def parse_spot5(text: str, name: str = "the instance") -> Spot5Instance:
    """The instance that ``text`` describes; fields after an image's values are ignored."""
    lines = ((k, line.split()) for k, line in enumerate(text.splitlines(), 1) if line.strip())
    at = 0
    try:
        at, (count, *_) = next(lines)
        images: dict[str, Spot5Image] = {}
        for _ in range(_counted(count)):
            at, fields = next(lines)
            image = _image(fields)
            if image.id in images:
                raise ValueError(f"image {image.id} stands twice")
            images[image.id] = image
        at, (count, *_) = next(lines)
        rest = list(lines)
        # One public file (1021) counts the line of its capacity among the constraints.
        capacity = _amount(rest.pop()[1][0]) if rest and len(rest[-1][1]) == 1 else None
        if len(rest) not in (_counted(count), _counted(count) - (capacity is not None)):
            raise ValueError(f"{count} constraints announced, {len(rest)} follow")
        forbidden: list[tuple[tuple[str, str], ...]] = []
        for at, fields in rest:  # noqa: B007 — where an error is
            forbidden += _tuples(fields, images)
        if capacity is None and any(m > 0 for image in images.values() for m in image.values.values()):
            capacity = CAPACITY_RAW
    except StopIteration:
        raise InputError(f"{name} ends at line {at}: more is announced") from None
    except (ValueError, IndexError) as error:
        raise InputError(f"{name}, line {at}: {error}") from None
    return Spot5Instance(images=tuple(images.values()), forbidden=tuple(forbidden), capacity=capacity)


def _counted(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError(f"a count of {count}")
    return count


def _amount(text: str) -> float:
    amount = float(text)
    if not 0 <= amount < 1e300:
        raise ValueError(f"{text} must be a number of at least 0")
    return amount


def _image(fields: list[str]) -> Spot5Image:
    count = _counted(fields[2])
    pairs = fields[3 : 3 + 2 * count]
    if count == 0 or len(pairs) < 2 * count:
        raise ValueError(f"{count} values announced, {len(pairs) // 2} follow")
    values = {str(int(pairs[2 * k])): _amount(pairs[2 * k + 1]) for k in range(count)}
    return Spot5Image(id=str(int(fields[0])), profit=_amount(fields[1]), values=values)


def _tuples(fields: list[str], images: dict[str, Spot5Image]) -> Iterator[tuple[tuple[str, str], ...]]:
    arity = int(fields[0])
    ids, rest = fields[1 : 1 + arity], fields[1 + arity :]
    if arity < 1 or len(ids) < arity or len(rest) % arity:
        raise ValueError(f"{len(rest)} values are not tuples of {arity}")
    for id in ids:
        if id not in images:
            raise ValueError(f"unknown image {id}")
    for k in range(0, len(rest), arity):
        pairs = tuple(zip(ids, rest[k : k + arity], strict=True))
        if all(value in images[id].values for id, value in pairs):  # else it forbids nothing
            yield pairs


def spot5_problem(
    instance: Spot5Instance, *, unit: float | None = MEMORY_UNIT, name: str = ""
) -> PlanningProblem:
    """The instance as a planning problem; ``unit`` None counts memory in raw units."""
    amounts: dict[str, float] = {}
    opportunities, requests = [], []
    for image in instance.images:
        requests.append(Request(id=image.id, value=image.profit))
        for value, memory in image.values.items():
            id = _choice(image.id, value)
            amounts[id] = memory if unit is None else float(memory // unit)
            opportunities.append(
                Opportunity(id=id, request=image.id, satellite=_SATELLITE, start_s=0, end_s=0, duration_s=0)
            )
    used = {id: amount for id, amount in amounts.items() if amount > 0}
    capacities: tuple[Capacity, ...] = ()
    if instance.capacity is not None:
        most = instance.capacity if unit is None else float(instance.capacity // unit)
        capacities = (
            Capacity(id=_MEMORY, most=most, opportunities=tuple(used), amounts=tuple(used.values())),
        )
    return PlanningProblem(
        name=name,
        start=_EPOCH,
        horizon_s=1.0,
        requests=tuple(requests),
        opportunities=tuple(opportunities),
        satellites=(Satellite(id=_SATELLITE),),
        forbidden=tuple(
            Forbidden(opportunities=tuple(_choice(id, value) for id, value in pairs))
            for pairs in instance.forbidden
        ),
        capacities=capacities,
    )


def spot5_of_problem(problem: PlanningProblem) -> Spot5Instance:
    """The way back: the instance of a problem that :func:`spot5_problem` made with ``unit=None``.

    Raises :class:`InputError` for a problem that holds what such a file cannot.
    """
    plain = PlanningProblem(
        name=problem.name,
        start=problem.start,
        horizon_s=problem.horizon_s,
        requests=tuple(Request(id=r.id, value=r.value) for r in problem.requests),
        opportunities=tuple(
            Opportunity(id=o.id, request=o.request, satellite=_SATELLITE, start_s=0, end_s=0, duration_s=0)
            for o in problem.opportunities
        ),
        satellites=(Satellite(id=_SATELLITE),),
        forbidden=problem.forbidden,
        capacities=problem.capacities,
    )
    if plain != problem or len(problem.capacities) > 1:
        raise InputError("only images, forbidden tuples and one memory capacity fit into a .spot file")
    used: dict[str, float] = {}
    for sack in problem.capacities:
        used.update(zip(sack.opportunities, sack.amounts, strict=True))
    values: dict[str, dict[str, float]] = {r.id: {} for r in problem.requests}
    for o in problem.opportunities:
        image, value = _split(o.id)
        values[image][value] = used.get(o.id, 0.0)
    return Spot5Instance(
        images=tuple(Spot5Image(id=r.id, profit=r.value, values=values[r.id]) for r in problem.requests),
        forbidden=tuple(tuple(_split(id) for id in rule.opportunities) for rule in problem.forbidden),
        capacity=problem.capacities[0].most if problem.capacities else None,
    )


def spot5_text(instance: Spot5Instance) -> str:
    """The instance as the text of a ``.spot`` file; tuples of the same images share a line."""
    lines = [str(len(instance.images))]
    for image in instance.images:
        pairs = " ".join(f"{value} {memory:.17g}" for value, memory in image.values.items())
        lines.append(f"{image.id} {image.profit:.17g} {len(image.values)} {pairs}")
    rows: dict[tuple[str, ...], list[str]] = {}
    for pairs_of in instance.forbidden:
        rows.setdefault(tuple(id for id, _ in pairs_of), []).extend(value for _, value in pairs_of)
    lines.append(str(len(rows)))
    lines += [" ".join([str(len(ids)), *ids, *rest]) for ids, rest in rows.items()]
    if instance.capacity is not None:
        lines.append(f"{instance.capacity:.17g}")
    return "\n".join(lines) + "\n"


def spot5_solution(plan: Plan) -> str:
    """A plan in the set's public form: one ``id value`` per line."""
    pairs = [_split(a.opportunity) for a in plan.activities]
    return "".join(f"{id} {value}\n" for id, value in sorted(pairs, key=lambda p: (len(p[0]), p[0])))


def spot5_activities(text: str) -> tuple[Activity, ...]:
    """The acquisitions that ``id value`` lines name; raises :class:`InputError` naming the line."""
    found = []
    for k, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if fields:
            if len(fields) != 2:
                raise InputError(f"line {k}: an image and a value are wanted, found {line.strip()!r}")
            found.append(Activity(opportunity=_choice(*fields), start_s=0.0))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot5Score:
    """``profit`` of a solution, the ``memory`` it uses (in the unit asked for), and what it breaks."""

    profit: float
    memory: float
    broken: tuple[str, ...]


def check_spot5(
    instance: Spot5Instance, chosen: Iterable[tuple[str, str]], *, unit: float | None = MEMORY_UNIT
) -> Spot5Score:
    """Score (image, value) pairs by the set's own rules, without the planning model."""
    images = {image.id: image for image in instance.images}
    value_of: dict[str, str] = {}
    broken = []
    for id, value in chosen:
        if id not in images or value not in images[id].values:
            broken.append(f"image {id} has no value {value}")
        elif id in value_of:
            broken.append(f"image {id} is chosen twice")
        else:
            value_of[id] = value
    broken += [
        "forbidden: " + ", ".join(f"{id}={value}" for id, value in pairs)
        for pairs in instance.forbidden
        if all(value_of.get(id) == value for id, value in pairs)
    ]
    raw = [images[id].values[value] for id, value in value_of.items()]
    memory = sum(raw) if unit is None else float(sum(m // unit for m in raw))
    if instance.capacity is not None:
        most = instance.capacity if unit is None else float(instance.capacity // unit)
        if memory > most * (1 + 1e-12):
            broken.append(f"memory {memory:g} is above {most:g}")
    return Spot5Score(profit=sum(images[id].profit for id in value_of), memory=memory, broken=tuple(broken))


def spot5_choice(plan: Plan) -> list[tuple[str, str]]:
    """(image, value) pairs of a plan."""
    return [_split(a.opportunity) for a in plan.activities]


def _choice(image: str, value: str) -> str:
    return f"{image}={value}"


def _split(opportunity: str) -> tuple[str, str]:
    image, _, value = opportunity.rpartition("=")
    return image, value
