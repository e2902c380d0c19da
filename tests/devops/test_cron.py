"""Times of cron expressions, through the nights in which clocks are changed."""

import itertools
import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest

from devops.cron import check_cron, check_zone, next_times
from devops.errors import Invalid


def local(cron: str, zone: str, start: str, count: int) -> list[str]:
    """So many times after a moment (UTC), as the clocks of the zone show them."""
    moment = datetime.fromisoformat(start).replace(tzinfo=UTC)
    place = zoneinfo.ZoneInfo(zone)
    found = next_times(cron, zone, moment, count)
    return [f"{each.astimezone(place):%d %H:%M %z}" for each in found]


@pytest.mark.parametrize(
    ("cron", "zone", "start", "expected"),
    [
        # The hour from 2:00 does not exist: right after the gap, once.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00",
            ["29 03:00 +0200", "30 02:30 +0200"],
        ),
        (
            "0 2 * * *",
            "America/New_York",
            "2027-03-13T12:00:00",
            ["14 03:00 -0400", "15 02:00 -0400"],
        ),
        (
            "15,45 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00",
            ["29 03:00 +0200", "30 02:15 +0200"],
        ),
        # Half an hour does not exist on Lord Howe.
        (
            "0 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T14:00:00",
            ["04 02:30 +1100", "05 02:00 +1100"],
        ),
        # The hour from 2:00 exists twice: a fixed time comes once, at the first.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00",
            ["25 02:30 +0200", "26 02:30 +0100"],
        ),
        (
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00:00",
            ["01 01:30 -0400", "02 01:30 -0500"],
        ),
        # A beat goes on through both.
        (
            "30 * * * *",
            "Europe/Berlin",
            "2026-10-24T23:45:00",
            ["25 02:30 +0200", "25 02:30 +0100", "25 03:30 +0100"],
        ),
        (
            "30 * * * *",
            "Europe/Berlin",
            "2026-03-28T23:45:00",
            ["29 01:30 +0100", "29 03:30 +0200"],
        ),
        # Nights in which nothing happens.
        ("30 2 * * *", "Asia/Kolkata", "2026-03-28T12:00:00", ["29 02:30 +0530", "30 02:30 +0530"]),
    ],
)
def test_a_night_of_changing_clocks(cron: str, zone: str, start: str, expected: list[str]) -> None:
    assert local(cron, zone, start, len(expected)) == expected


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("start", ["2026-03-01T00:00:00", "2026-10-01T00:00:00"])
def test_a_daily_time_comes_once_on_each_day_of_two_months(zone: str, start: str) -> None:
    for cron in ("30 2 * * *", "0 3 * * *", "59 1 * * *"):
        days = [each.split()[0] for each in local(cron, zone, start, 60)]
        assert all(before != after for before, after in itertools.pairwise(days))
        assert len(days) == 60


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize(
    "start", ["2026-03-08T00:00:00", "2026-03-29T00:00:00", "2026-10-25T00:00:00"]
)
def test_a_quarter_of_an_hour_is_never_missed_nor_doubled(zone: str, start: str) -> None:
    moment = datetime.fromisoformat(start).replace(tzinfo=UTC)
    found = next_times("*/15 * * * *", zone, moment, 4 * 24)
    assert {after - before for before, after in itertools.pairwise(found)} == {
        timedelta(minutes=15)
    }


@pytest.mark.parametrize(
    "cron",
    [
        "* * * * *",
        "0 3 * * 1-5",
        "@daily",
        "@hourly",
        "0 0 29 2 *",
        "*/5 9-17 * * MON-FRI",
        "0 0 1 JAN *",
        "0 12 * * THU",
    ],
)
def test_a_cron_expression(cron: str) -> None:
    check_cron(cron)


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("* * * * * *", "seconds"),
        ("61 * * * *", "Not a cron"),
        ("@reboot", "five fields"),
        ("", "five fields"),
        ("every day", "five fields"),
        ("0 0 30 2 *", "Not a cron"),
        ("R 3 * * *", "Not a cron"),
        ("H H * * *", "Not a cron"),
        ("\x00 * * * *", "Not a cron"),
        ("9" * 5000 + " * * * *", "Not a cron"),
    ],
)
def test_what_is_no_cron_expression_is_said(cron: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        check_cron(cron)
    assert [problem.pointer for problem in refused.value.errors] == ["/cron_expression"]


def test_a_time_zone_has_an_iana_name() -> None:
    check_zone("Europe/Berlin")
    for zone in ("Mars/Olympus", "", "CEST+1", "../etc/passwd"):
        with pytest.raises(Invalid):
            check_zone(zone)
