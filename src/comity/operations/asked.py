"""What customers asked for in their own words, and searches that are answered later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from comity.core import Epoch

#: Search status codes of STAPI 0.1.
SearchStatusCode = Literal["received", "in_progress", "failed", "cancelled", "completed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came in (STAPI): its ``datetime`` may be open, its ``filter`` is CQL2 JSON.

    ``request``: id of the :class:`comity.fleet.Request` that was made of it.
    """

    request: str
    customer: str
    product: str
    datetime: str
    geometry: Mapping[str, Any]
    filter: Mapping[str, Any] | None = None
    order_parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchStatus:
    """One entry of a search's history (STAPI Opportunity Search Status)."""

    at: Epoch
    code: SearchStatusCode
    reason_code: str | None = None
    reason_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunitySearch:
    """A search for opportunities that is answered later; its answer is the request's opportunity set.

    ``licensed``: whether what the customer's licences refuse is left out (False: asked by the operator).
    ``statuses``: its whole history, oldest first.
    """

    id: str
    request: str
    customer: str
    product: str
    licensed: bool
    created: Epoch
    statuses: tuple[SearchStatus, ...]

    @property
    def status(self) -> SearchStatusCode:
        """The present status."""
        return self.statuses[-1].code
