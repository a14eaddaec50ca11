"""The outside behind the operator's ports: its database, element sources, object stores, a cluster."""

from comity.stores.buckets import GuardedBuckets
from comity.stores.cluster import DaskExecutor, dask_executor
from comity.stores.elements import (
    CELESTRAK,
    ElementsUpdate,
    SourceError,
    celestrak_urls,
    fetch_elements,
)
from comity.stores.guard import Guard, networks
from comity.stores.objects import Objects, object_store
from comity.stores.sql import SqlStore
from comity.stores.webhooks import HttpWebhooks

__all__ = [
    "CELESTRAK",
    "DaskExecutor",
    "ElementsUpdate",
    "Guard",
    "GuardedBuckets",
    "HttpWebhooks",
    "Objects",
    "SourceError",
    "SqlStore",
    "celestrak_urls",
    "dask_executor",
    "fetch_elements",
    "networks",
    "object_store",
]
