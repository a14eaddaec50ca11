"""Mosaics of areas, as pictures in the page above the images they were made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from comity.operations import mosaic_items
from comity.server.report.gallery import Picture, link, small_picture

_SIDE_PX, _QUALITY = 640, 76
#: More are left to the catalogue.
MAX_MOSAICS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class MosaicView:
    """A mosaic: what it is called and made of, its picture (or why ``missing``), its files."""

    title: str
    lineage: str
    order: str
    pixel_m: float
    picture: Picture | None
    missing: str
    quicklook_href: str
    image_href: str
    path_href: str


def mosaic_views(folder: Path, links: str) -> list[MosaicView]:
    """The first ``MAX_MOSAICS`` mosaics under ``folder``, to which ``links`` leads from the page."""
    views = []
    for path in list(mosaic_items(folder))[:MAX_MOSAICS]:
        document = json.loads(path.read_text(encoding="utf-8"))
        told = document["properties"]
        names = {
            key: (path.parent / document["assets"][key]["href"]).relative_to(folder).as_posix()
            for key in ("quicklook", "image")
        }
        shown = small_picture(folder, names["quicklook"], _SIDE_PX, _QUALITY)
        views.append(
            MosaicView(
                title=told["title"],
                lineage=told["processing:lineage"],
                order=told["comity:order"],
                pixel_m=told["comity:pixel_m"],
                picture=shown if isinstance(shown, Picture) else None,
                missing=shown if isinstance(shown, str) else "",
                quicklook_href=link(links, names["quicklook"]),
                image_href=link(links, names["image"]),
                path_href=link(links, path.relative_to(folder).as_posix()),
            )
        )
    return views
