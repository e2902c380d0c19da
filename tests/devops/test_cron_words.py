"""Cron expressions as people say them."""

import pytest

from devops.cron_words import describe_cron

SENTENCES = {
    "0 3 * * *": "At 03:00 every day",
    "@daily": "At 00:00 every day",
    "30 9 * * 1-5": "At 09:30 on Monday to Friday",
    "0 3 * * mon,thu": "At 03:00 on Monday and Thursday",
    "0 6,18 * * *": "At 06:00 and 18:00 every day",
    "*/15 8-18 * * *": "Every 15 minutes from 08:00 to 18:59 every day",
    "* * * * *": "Every minute",
    "0 * * * *": "On the hour, every hour",
    "5,35 * * * *": "At 5 and 35 minutes past the hour, every hour",
    "0 */6 * * *": "On the hour of every 6 hours every day",
    "0 0 1 * *": "At 00:00 on day 1 of the month",
    "0 0 1 1 *": "At 00:00 on day 1 of the month in January",
    "0 0 L * *": "At 00:00 on the last day of the month",
    "0 0 13 * 5": "At 00:00 on day 13 of the month or on Friday",
    "0 12 * 6-8 7": "At 12:00 on Sunday in June to August",
}


@pytest.mark.parametrize("expression", SENTENCES)
def test_a_usual_expression_is_a_sentence(expression: str) -> None:
    assert describe_cron(expression) == SENTENCES[expression]


@pytest.mark.parametrize(
    "expression", ["0 3 * * 1#2", "0 3 * *", "0 3 * 13 *", "x y z a b", "1-5/2 3 * * *"]
)
def test_an_odd_expression_stands_for_itself(expression: str) -> None:
    assert describe_cron(expression) == expression
