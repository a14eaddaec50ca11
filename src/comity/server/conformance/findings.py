"""What a check found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["pass", "fail", "warn", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One requirement and whether the server keeps it.

    ``fail``: something that the specification requires is not so; ``warn``: something that it recommends;
    ``skip``: could not be asked, ``detail`` says why.
    """

    area: str
    requirement: str
    outcome: Outcome
    detail: str = ""


class NotSoError(Exception):
    """A requirement that is not kept, and what was found instead."""


class SkippedError(Exception):
    """A requirement that cannot be asked about here."""


@dataclass(slots=True)
class Report:
    """All findings, in the order they were asked."""

    url: str
    findings: list[Finding] = field(default_factory=list)

    @contextmanager
    def requirement(self, area: str, text: str, *, recommended: bool = False) -> Iterator[None]:
        """Run one check: it passes unless it raises :class:`NotSoError` or :class:`SkippedError`."""
        outcome: Outcome = "pass"
        detail = ""
        try:
            yield
        except SkippedError as why:
            outcome, detail = "skip", str(why)
        except NotSoError as why:
            outcome, detail = "warn" if recommended else "fail", str(why)
        self.findings.append(Finding(area=area, requirement=text, outcome=outcome, detail=detail))

    def count(self, outcome: Outcome) -> int:
        """How many findings came out so."""
        return sum(finding.outcome == outcome for finding in self.findings)

    @property
    def conforms(self) -> bool:
        """Whether nothing required is missing, and the landing page could be read at all."""
        return self.count("fail") == 0 and self.count("pass") > 0
