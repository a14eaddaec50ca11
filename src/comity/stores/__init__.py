"""The outside behind the operator's ports: its database, element sources, object stores, a cluster."""

from comity.stores.cluster import DaskExecutor, dask_executor
from comity.stores.elements import (
    CELESTRAK,
    ElementsUpdate,
    SourceError,
    celestrak_urls,
    fetch_elements,
)
from comity.stores.objects import Objects, object_store
from comity.stores.sql import SqlStore

__all__ = [
    "CELESTRAK",
    "DaskExecutor",
    "ElementsUpdate",
    "Objects",
    "SourceError",
    "SqlStore",
    "celestrak_urls",
    "dask_executor",
    "fetch_elements",
    "object_store",
]
