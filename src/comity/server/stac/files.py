"""The files of an Item: as they are, and as previews and map tiles."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.datastructures import Headers

from comity.core import InputError, UnknownIdError
from comity.imagery.reading import (
    STYLES,
    Source,
    View,
    colour_bands,
    open_source,
    picture,
    preview,
    stretch,
    tile,
)
from comity.operations.archive import FoundItem
from comity.operations.product_bucket import FETCHED
from comity.server.asgi import Message, Receive, Scope, Send
from comity.server.dependencies import scoped
from comity.server.identity.caller import Caller
from comity.server.operator import Operator
from comity.server.problems import FieldError, ForbiddenError, problem, request_id, shown
from comity.server.stac.answers import answer
from comity.server.stac.documents import Addresses, is_data
from comity.server.stac.places import asset_path, item_path
from comity.server.stac.views import owner_of, readable

Reader = Annotated[Caller, scoped("archive:read")]
Bands = Annotated[
    str | None, Query(max_length=200, description="One band or three, with commas between.", examples=["red"])
]
Maths = Annotated[str | None, Query(max_length=200, description="An index or band maths.", examples=["ndvi"])]
_CACHED = 256
_STRETCH_PX = 256
_PICTURE: dict[int | str, dict[str, Any]] = {200: {"description": "A PNG.", "content": {"image/png": {}}}}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}},
    206: {"description": "The bytes asked for.", "content": {"application/octet-stream": {}}},
}


def router(operator: Operator, at: Addresses) -> APIRouter:
    """Files, previews and tiles, below the address of the Item."""
    routes = APIRouter(prefix="/collections/{collection_id}/items/{item_id}", tags=["STAC API: files"])
    archive, shades = operator.sql.archive, _Shades()

    def found_item(caller: Caller, collection_id: str, item_id: str, *, whole: bool) -> FoundItem:
        found = archive.get(collection_id, item_id, owner=owner_of(caller))
        if whole and not readable(caller, found):
            raise ForbiddenError(f"{item_id} is {found.state}: its data can be read once it is accepted")
        return found

    @routes.get("/assets/{key}", summary="A file of an item", response_class=Response, responses=_FILE)
    def asset(collection_id: str, item_id: str, key: str, caller: Reader) -> Response:
        found = found_item(caller, collection_id, item_id, whole=False)
        one = found.item.document["assets"].get(key)
        if one is None:
            raise UnknownIdError("asset", key)
        if is_data(one):
            found_item(caller, collection_id, item_id, whole=True)
        checksum = str(one.get("file:checksum", ""))
        path = asset_path(operator, found, str(one["href"]), checksum)
        return _File(path, media_type=one.get("type"), filename=path.name, content_disposition_type="inline")

    @routes.get("/preview.png", summary="The whole image, small", response_class=Response, responses=_PICTURE)
    def preview_png(
        collection_id: str,
        item_id: str,
        caller: Reader,
        max_size: Annotated[int, Query(ge=16, le=1024, description="Longer side, px.")] = 512,
        bands: Bands = None,
        expression: Maths = None,
    ) -> Response:
        found = found_item(caller, collection_id, item_id, whole=False)
        with _told(operator, found, bands, expression):
            source = open_source(item_path(operator, found))
            chosen = _choice(source, bands, expression)
            view = preview(source, bands=chosen, expression=expression, max_size=max_size)
            return _png(view, shades.ends(found, source, chosen, expression), expression)

    @routes.get("/tiles/{z}/{x}/{y}.png", summary="A map tile", response_class=Response, responses=_PICTURE)
    def tile_png(
        collection_id: str,
        item_id: str,
        z: Annotated[int, Path(ge=0, le=24)],
        x: Annotated[int, Path(ge=0, lt=2**24)],
        y: Annotated[int, Path(ge=0, lt=2**24)],
        caller: Reader,
        bands: Bands = None,
        expression: Maths = None,
    ) -> Response:
        found = found_item(caller, collection_id, item_id, whole=True)
        for name, place in (("x", x), ("y", y)):
            if place >= 2**z:
                raise FieldError(
                    f"zoom {z} has no tile {z}/{x}/{y}", field=f"path.{name}", value=place, limit=2**z - 1
                )
        with _told(operator, found, bands, expression):
            source = open_source(item_path(operator, found))
            chosen = _choice(source, bands, expression)
            ends = shades.ends(found, source, chosen, expression)
            try:
                view = tile(source, z, x, y, bands=chosen, expression=expression)
            except InputError as error:
                if "is beside" in str(error):
                    raise UnknownIdError("tile", f"{z}/{x}/{y}") from error
                raise
            return _png(view, ends, expression)

    @routes.get("/tilejson.json", summary="How to show it on a web map")
    def tilejson(
        collection_id: str, item_id: str, caller: Reader, bands: Bands = None, expression: Maths = None
    ) -> Response:
        found = found_item(caller, collection_id, item_id, whole=True)
        here = at("collections", collection_id, "items", item_id)
        asked = urlencode(
            [(name, one) for name, one in (("bands", bands), ("expression", expression)) if one]
        )
        return answer(
            {
                "tilejson": "3.0.0",
                "name": item_id,
                "tiles": [f"{here}/tiles/{{z}}/{{x}}/{{y}}.png{'?' if asked else ''}{asked}"],
                "bounds": found.item.document["bbox"],
                "minzoom": 0,
                "maxzoom": 18,
            }
        )

    return routes


class _File(FileResponse):
    """A file; a range that cannot be read or is not in it is a problem like every other."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused: list[Message] = []

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (400, 416):
                refused.append(message)
            if not refused:
                await send(message)

        await super().__call__(scope, receive, told)
        if refused:
            await self._refusal(refused[0], Request(scope))(scope, receive, send)

    def _refusal(self, start: Message, request: Request) -> Response:
        beside = start["status"] == 416
        there = Headers(raw=start["headers"]).get("content-range", "")
        length = int(there.rpartition("/")[2]) if beside else 0
        detail = f"the file has {length:,} bytes" if beside else "it is not 'bytes=FIRST-LAST'"
        error = {"field": "header.range", "detail": detail, "value": shown(request.headers.get("range"))}
        return problem(
            start["status"],
            "Range not satisfiable" if beside else "Bad request",
            f"the range cannot be given: {detail}",
            instance=request_id(request),
            errors=[{**error, "limit": length} if beside else error],
            headers={"Content-Range": there} if beside else None,
        )


def _choice(source: Source, bands: str | None, expression: str | None) -> tuple[str, ...] | None:
    if expression is not None:
        if bands is not None:
            raise InputError("give bands or an expression, not both")
        return None
    chosen = colour_bands(source) if bands is None else tuple(bands.split(","))
    if len(chosen) not in (1, 3):
        raise InputError(f"{len(chosen)} bands: a picture shows 1 or 3")
    return chosen


def _png(view: View, ends: tuple[tuple[float, float], ...], expression: str | None) -> Response:
    ramp = (
        STYLES[expression.lower()][0] if expression is not None and expression.lower() in STYLES else "grey"
    )
    return Response(picture(view, ends=ends, ramp=ramp), media_type="image/png")


class _Shades:
    """The values shown darkest and brightest: of the whole image, so that its tiles go together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[Any, ...], tuple[tuple[float, float], ...]] = {}

    def ends(
        self, found: FoundItem, source: Source, bands: tuple[str, ...] | None, expression: str | None
    ) -> tuple[tuple[float, float], ...]:
        if expression is not None and expression.lower() in STYLES:
            return (STYLES[expression.lower()][1:],)
        key = found.item.digest, bands, expression
        known = self._known.get(key)
        if known is None:
            known = stretch(preview(source, bands=bands, expression=expression, max_size=_STRETCH_PX).values)
            with self._lock:
                if len(self._known) >= _CACHED:
                    self._known.clear()
                self._known[key] = known
        return known


@contextmanager
def _told(operator: Operator, found: FoundItem, bands: str | None, expression: str | None) -> Iterator[None]:
    """What bands or maths are refused is told by their field, without the places of files on this machine."""
    try:
        yield
    except FieldError:
        raise
    except InputError as error:
        text = str(error)
        for root in (operator.delivery.resolve(), operator.delivery):
            for place in ((root / found.item.path).parent, root / FETCHED / found.item.digest, root):
                text = text.replace(f"{place}/", "")
        field, value = ("bands", bands) if expression is None else ("expression", expression)
        raise FieldError(text, field=f"query.{field}", value=value) from error
