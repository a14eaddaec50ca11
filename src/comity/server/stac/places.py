"""Where the files of an Item are on this machine: in the delivery folder, else fetched from the bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import structlog

from comity.core import InputError, UnknownIdError
from comity.operations.archive import FoundItem
from comity.operations.product_bucket import BucketAwayError
from comity.server.operator import Operator
from comity.server.problems import UnavailableError

_RETRY_S = 30.0


def asset_path(operator: Operator, found: FoundItem, href: str, checksum: str = "") -> Path:
    """The file of an asset; :class:`UnknownIdError` where it is nowhere or outside the delivery folder."""
    parts = urlsplit(href)
    root = operator.delivery.resolve()
    path = (root / found.item.path).parent.joinpath(unquote(parts.path)).resolve()
    if parts.scheme or parts.netloc or not path.is_relative_to(root):
        raise UnknownIdError("file", quote(href))
    if path.is_file():
        return path
    if operator.bucket is None:
        raise UnknownIdError("file", quote(href))
    with within_reach():
        return operator.bucket.file(found.item.path, found.item.digest, href, checksum)


def item_path(operator: Operator, found: FoundItem) -> Path:
    """The Item itself, its files beside it."""
    if operator.bucket is None:
        return asset_path(operator, found, quote(Path(found.item.path).name))
    with within_reach():
        return operator.bucket.item(found.item.path, found.item.digest, found.item.document)


@contextmanager
def within_reach() -> Iterator[None]:
    """While the bucket is away, or there is no room for what it has, the caller is told to come back."""
    try:
        yield
    except (BucketAwayError, InputError) as error:
        if isinstance(error, InputError) and not isinstance(error.__cause__, OSError):
            raise
        structlog.get_logger("comity.server").warning("bucket-away", error=str(error))
        raise UnavailableError("the files of products cannot be reached at present", _RETRY_S) from error
