"""JUnit XML reports, as pytest, Surefire, Jest and many others write them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

REPORT_MAX_BYTES = 64 * 1024 * 1024
CASES_MAX = 50_000
MESSAGE_MAX = 2000
DETAILS_MAX = 20_000


class JUnitError(Exception):
    """The bytes are no JUnit report; says why."""


@dataclass(frozen=True, slots=True)
class ParsedCase:
    """One test; `status` is passed, failed, error or skipped."""

    suite: str
    name: str
    file: str
    status: str
    duration_ms: int
    message: str = ""
    details: str = ""

    @property
    def is_failed(self) -> bool:
        return self.status in {"failed", "error"}


@dataclass(slots=True)
class ParsedReport:
    """All tests of a report, failures first; the counts include cases beyond the kept ones."""

    cases: list[ParsedCase] = field(default_factory=list)
    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    duration_ms: int = 0
    is_truncated: bool = False

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.errors + self.skipped


def parse_junit(data: bytes) -> ParsedReport:
    """Read a report.

    Raises:
        JUnitError: no XML, entities or external references in it, or no test suite.
    """
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise JUnitError(f"it is not acceptable XML ({type(error).__name__}: {error}).") from error
    if root.tag not in {"testsuites", "testsuite"}:
        raise JUnitError(f"its root is <{root.tag}>, not <testsuites> or <testsuite>.")
    report = ParsedReport()
    kept: list[ParsedCase] = []
    for suite, element in _cases(root):
        case = _case(suite, element)
        _count(report, case)
        if case.is_failed or len(kept) < CASES_MAX:
            kept.append(case)
        else:
            report.is_truncated = True
    order = {"failed": 0, "error": 0, "passed": 1, "skipped": 2}
    report.cases = sorted(kept, key=lambda case: (order[case.status], -case.duration_ms))[
        :CASES_MAX
    ]
    return report


def _cases(root: Element) -> Iterator[tuple[str, Element]]:
    for suite in root.iter("testsuite"):
        name = suite.get("name", "")
        for element in suite:
            if element.tag == "testcase":
                yield name, element


def _case(suite: str, element: Element) -> ParsedCase:
    status, message, details = "passed", "", ""
    for tag, word in (("error", "error"), ("failure", "failed"), ("skipped", "skipped")):
        found = element.find(tag)
        if found is not None:
            status, message = word, found.get("message") or ""
            details = (found.text or "").strip()
            message = message or details.split("\n", 1)[0]
            break
    name = element.get("name", "") or "(no name)"
    group = element.get("classname", "")
    return ParsedCase(
        suite=(group or suite)[:300],
        name=name[:500],
        file=element.get("file", "")[:500],
        status=status,
        duration_ms=_milliseconds(element.get("time", "")),
        message=message[:MESSAGE_MAX].replace("\x00", ""),
        details=details[:DETAILS_MAX].replace("\x00", ""),
    )


def _milliseconds(text: str) -> int:
    try:
        seconds = float(text.replace(",", "") or 0)
    except ValueError:
        return 0
    return round(seconds * 1000) if 0 <= seconds < 10**7 else 0


def _count(report: ParsedReport, case: ParsedCase) -> None:
    name = {"passed": "passed", "failed": "failed", "error": "errors", "skipped": "skipped"}
    attribute = name[case.status]
    setattr(report, attribute, getattr(report, attribute) + 1)
    report.duration_ms += case.duration_ms
