"""Requests, windows and resources in; a plan with a proven bound out."""

from comity.planning.model import (
    Bound,
    Contact,
    Opportunity,
    PlannedAcquisition,
    PlannedDownlink,
    Problem,
    Reason,
    ReasonCode,
    Solution,
    SpacecraftLimits,
    Task,
)

__all__ = [
    "Bound",
    "Contact",
    "Opportunity",
    "PlannedAcquisition",
    "PlannedDownlink",
    "Problem",
    "Reason",
    "ReasonCode",
    "Solution",
    "SpacecraftLimits",
    "Task",
]
