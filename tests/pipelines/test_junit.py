"""JUnit reports as many tools write them, and XML that was written to do harm."""

import pytest

from pipelines.junit import CASES_MAX, DETAILS_MAX, JUnitError, parse_junit

PYTEST = b"""<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" tests="4">
<testcase classname="tests.test_cart" name="test_slow" time="1.250" />
<testcase classname="tests.test_cart" name="test_bad" time="0.01">
  <failure message="assert 1 == 2">E  assert 1 == 2</failure></testcase>
<testcase classname="tests.test_cart" name="test_broken"><error message="boom">x</error></testcase>
<testcase classname="tests.test_cart" name="test_off"><skipped message="later" /></testcase>
</testsuite></testsuites>"""


def test_a_report_is_counted_and_failures_come_first() -> None:
    report = parse_junit(PYTEST)

    assert (report.total, report.passed, report.failed, report.errors, report.skipped) == (
        4, 1, 1, 1, 1,
    )  # fmt: skip
    assert [case.status for case in report.cases] == ["failed", "error", "passed", "skipped"]
    assert report.cases[0].message == "assert 1 == 2"
    assert report.duration_ms == 1260


@pytest.mark.parametrize(
    "text",
    [
        b'<testsuite name="s"><testcase name="a" time="1,000.5"/></testsuite>',
        (
            b'<testsuites><testsuite><testsuite name="s"><testcase name="a"/></testsuite>'
            b"</testsuite></testsuites>"
        ),
        b'<testsuite><testcase name="a" time="abc"/></testsuite>',
        b'<testsuite><testcase name="a" time="-1"/></testsuite>',
        b'<testsuite><testcase name="a" time="inf"/></testsuite>',
        b'<testsuite><testcase name="a" time="nan"/></testsuite>',
        b'<?xml version="1.0" encoding="utf-16"?><testsuite><testcase name="a"/></testsuite>'
        .decode().encode("utf-16"),
    ],
)  # fmt: skip
def test_odd_but_honest_reports_are_read(text: bytes) -> None:
    assert parse_junit(text).total == 1


def test_a_failure_without_a_message_takes_the_first_line_of_its_text() -> None:
    text = b'<testsuite><testcase name="a"><failure>one\ntwo</failure></testcase></testsuite>'

    assert parse_junit(text).cases[0].message == "one"


HOSTILE = {
    "empty": b"",
    "no xml": b"{}",
    "another root": b"<html/>",
    "cut off": b"<testsuite><testcase",
    "entity bomb": b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    b"<testsuite>&b;</testsuite>",
    "external entity": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    b"<testsuite>&a;</testsuite>",
    "external dtd": b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><testsuite/>',
    "parameter entity": b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/">%p;]><testsuite/>',
    "unknown entity": b"<testsuite>&nope;</testsuite>",
    "binary": bytes(range(256)) * 10,
    "nul": b"<testsuite>\x00</testsuite>",
    "bad encoding": b'<?xml version="1.0" encoding="nonsense"?><testsuite/>',
    "bad utf-8": b'<testsuite name="\xff\xfe"/>',
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_xml_that_is_no_report_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(JUnitError) as refused:
        parse_junit(HOSTILE[name])

    assert str(refused.value)


def test_deep_nesting_is_read_or_refused_but_never_a_crash() -> None:
    deep = b"<testsuite>" * 20_000 + b"</testsuite>" * 20_000

    try:
        said = f"{parse_junit(deep).total} tests"
    except JUnitError as refused:
        said = str(refused)

    assert said == "0 tests" or "XML" in said


def test_what_is_kept_is_bounded_and_the_counts_are_whole() -> None:
    passed = b'<testcase name="p"/>' * (CASES_MAX + 10)
    failed = b'<testcase name="f"><failure message="m">' + b"x" * 50_000 + b"</failure></testcase>"

    report = parse_junit(b"<testsuite>" + passed + failed + b"</testsuite>")

    assert (report.passed, report.failed, report.is_truncated) == (CASES_MAX + 10, 1, True)
    assert len(report.cases) == CASES_MAX
    assert report.cases[0].name == "f"
    assert len(report.cases[0].details) == DETAILS_MAX
