"""What a check found, and how it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from xml.etree import ElementTree

from comity.core import ComityError

Outcome = Literal["pass", "fail", "warn", "skip"]
#: What goes wrong inside a check when an answer is not shaped as anybody would expect.
_SHAPES = (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError, ComityError)


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


class OutOfTimeError(SkippedError):
    """The time for the whole check is over."""


@dataclass(slots=True)
class Report:
    """All findings, in the order they were asked."""

    url: str
    findings: list[Finding] = field(default_factory=list)
    out_of_time: bool = False

    @contextmanager
    def requirement(self, area: str, text: str, *, recommended: bool = False) -> Iterator[None]:
        """Run one check: it passes unless it raises :class:`NotSoError` or :class:`SkippedError`.

        Any error of shape (a text where an object belongs) is a requirement that is not kept, too.
        """
        outcome: Outcome = "pass"
        detail = ""
        bad: Outcome = "warn" if recommended else "fail"
        try:
            yield
        except OutOfTimeError as why:
            outcome, detail, self.out_of_time = "skip", str(why), True
        except SkippedError as why:
            outcome, detail = "skip", str(why)
        except NotSoError as why:
            outcome, detail = bad, str(why)
        except _SHAPES as error:
            outcome = bad
            detail = f"an answer is not shaped as it should be: {type(error).__name__}: {str(error)[:200]}"
        self.findings.append(Finding(area=area, requirement=text, outcome=outcome, detail=detail))

    def count(self, outcome: Outcome) -> int:
        """How many findings came out so."""
        return sum(finding.outcome == outcome for finding in self.findings)

    @property
    def conforms(self) -> bool:
        """Whether nothing required is missing, the landing page could be read, and time sufficed."""
        return self.count("fail") == 0 and self.count("pass") > 0 and not self.out_of_time

    def junit(self) -> str:
        """The findings as JUnit XML: what is recommended and missing is a skipped case with the reason."""
        failed, skipped = self.count("fail"), self.count("skip") + self.count("warn")
        counts = {"tests": len(self.findings), "failures": failed, "skipped": skipped, "errors": 0}
        suite = ElementTree.Element("testsuite", {"name": f"STAPI {self.url}"})
        suite.attrib.update({name: str(value) for name, value in counts.items()})
        for finding in self.findings:
            case = ElementTree.SubElement(
                suite, "testcase", {"classname": finding.area, "name": _printable(finding.requirement)}
            )
            if finding.outcome != "pass":
                kind = "failure" if finding.outcome == "fail" else "skipped"
                said = _printable(f"{finding.outcome}: {finding.detail}")
                ElementTree.SubElement(case, kind, {"message": said})
        return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _printable(text: str) -> str:
    """Without what XML cannot hold and a terminal would act on."""
    return "".join(char if char.isprintable() else "�" for char in text)
