"""The outside behind the operator's ports: its database, element sources."""

from comity.stores.elements import (
    CELESTRAK,
    ElementsUpdate,
    SourceError,
    celestrak_urls,
    fetch_elements,
)
from comity.stores.sql import SqlStore

__all__ = ["CELESTRAK", "ElementsUpdate", "SourceError", "SqlStore", "celestrak_urls", "fetch_elements"]
