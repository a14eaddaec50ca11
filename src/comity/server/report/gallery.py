"""Delivered items with small pictures that travel inside the page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote as url_quote

from PIL import Image, UnidentifiedImageError

from comity.core import ThreadExecutor
from comity.operations.records import Activity, ItemRecord
from comity.server.report.lookup import Lookup

#: Pictures together may take this many bytes as data URIs; the page around them needs about 2 MB.
BUDGET_BYTES = 5_000_000
#: Longest side (px) and JPEG quality, best first; the first that keeps to the budget is taken.
LADDER = ((360, 80), (300, 72), (240, 68), (180, 62), (120, 55))
#: More items than this are counted, not shown: the catalogue is the place to leaf through them.
MAX_CARDS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as a data URI with its size (px)."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An item, how it came about, and its picture (``missing`` says why there is none)."""

    item: ItemRecord
    activity: Activity | None
    target: str
    spacecraft: str
    customer: str
    css: str
    picture: Picture | None
    missing: str
    quicklook_href: str
    image_href: str
    path_href: str


def cards(lookup: Lookup, folder: Path, links: str) -> list[Card]:
    """The first ``MAX_CARDS`` items in the order of acquisition; quicklooks are read from
    ``folder``, to which ``links`` leads from the page."""
    items = sorted(lookup.account.items, key=lambda item: (_taken(lookup, item), item.id))[:MAX_CARDS]
    pictures = _pictures(folder, list(dict.fromkeys(item.quicklook for item in items)))
    made = []
    for item in items:
        activity = lookup.activities.get(item.activity)
        craft = activity.spacecraft if activity else ""
        picture = pictures.get(item.quicklook, "left out to keep the page small")
        made.append(
            Card(
                item=item,
                activity=activity,
                target=_area_name(lookup, item, activity),
                spacecraft=lookup.craft_name(craft),
                customer=lookup.customer_name(item.order),
                css=lookup.partner_css(lookup.owner(craft)),
                picture=picture if isinstance(picture, Picture) else None,
                missing=picture if isinstance(picture, str) else "",
                quicklook_href=link(links, item.quicklook),
                image_href=link(links, item.image),
                path_href=link(links, item.path),
            )
        )
    return made


def _taken(lookup: Lookup, item: ItemRecord) -> int:
    activity = lookup.activities.get(item.activity)
    return activity.interval.start.tai_ns if activity else item.delivered.tai_ns


def _area_name(lookup: Lookup, item: ItemRecord, activity: Activity | None) -> str:
    """Name of the target as it was ordered, whichever strip of it this is."""
    target = lookup.target(item.order, activity.target if activity else item.target)
    return target.name if target else item.target


def link(links: str, path: str) -> str:
    """A relative link; anything else (a scheme, a root) is not linked to."""
    if not path or path.startswith(("/", "\\")) or ":" in path:
        return ""
    return url_quote(path if links == "." else f"{links}/{path}")


def _pictures(folder: Path, names: list[str]) -> dict[str, Picture | str]:
    """Pictures, or why there is none, by quicklook: all on the first rung of the ladder that keeps to the
    budget; on the last rung, as many as fit. Files are read again for each rung, not kept in memory."""
    made: dict[str, Picture | str] = {}
    for side, quality in LADDER:
        # Pillow lets other threads run while it decodes, scales and encodes.
        pictures = ThreadExecutor().map(lambda name: small_picture(folder, name, side, quality), names)  # noqa: B023
        made, spent = {}, 0
        for name, picture in zip(names, pictures, strict=True):
            spent += len(picture.uri) if isinstance(picture, Picture) else 0
            if spent <= BUDGET_BYTES:
                made[name] = picture
        if spent <= BUDGET_BYTES:
            break
    return made


def small_picture(folder: Path, name: str, side: int, quality: int) -> Picture | str:
    """The quicklook as a JPEG of at most ``side`` px, or why there is none."""
    path = folder / name
    if not name or not path.resolve().is_relative_to(folder.resolve()):
        return "no quicklook in the delivery folder"
    try:
        with Image.open(path) as image:
            small = image if image.mode in ("RGB", "RGBA") else image.convert("RGBA")
            small.thumbnail((side, side), Image.Resampling.LANCZOS)
            small = small.convert("RGBA")
    except FileNotFoundError:
        return f"{name} is missing"
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        return f"{name} cannot be read: {error}"
    # JPEG knows no transparency: what lies outside the footprint gets the page's picture ground.
    flat = Image.alpha_composite(Image.new("RGBA", small.size, (30, 36, 44, 255)), small).convert("RGB")
    out = io.BytesIO()
    flat.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
    uri = "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")
    return Picture(uri=uri, width=flat.width, height=flat.height)
