"""Liquid: what it renders, refuses and may not reach; the starters."""

import pytest

from devops.errors import Invalid
from devops.prompt_starters import STARTERS
from devops.prompts import render, variables_of


def test_variables_are_filled_empty_or_refused() -> None:
    content = "Look at {{ what }}{% if more %} and {{ more }}{% endif %}."
    assert render(content, {"what": "{{ more }}"}) == "Look at {{ more }}."
    assert render(content, {}) == "Look at ."
    with pytest.raises(Invalid, match="what"):
        render(content, {}, strict=True)
    assert variables_of(content) == ["more", "what"]
    assert variables_of("{% for x in xs %}{{ x }}{% endfor %}") == ["xs"]


@pytest.mark.parametrize(
    "content",
    [
        "{% include 'etc/passwd' %}",
        "{% render '../../settings.py' %}",
        "{{ unclosed",
        "{% if %}",
        "{% nope %}",
        "{{ a | unknown_filter }}",
        "{% for i in (1..100000) %}{% for j in (1..100000) %}x{% endfor %}{% endfor %}",
    ],
)
def test_what_reads_files_is_wrong_or_never_ends_is_refused(content: str) -> None:
    with pytest.raises(Invalid, match="cannot be rendered"):
        render(content, {"a": "b"})


def test_python_objects_cannot_be_reached() -> None:
    text = "{{ a.__class__ }}{{ a.__class__.__mro__ }}{{ a.keys }}{{ b.__init__ }}"
    assert render(text, {"a": {"x": 1}, "b": "text"}) == ""


def test_there_are_eight_starters_and_each_renders_with_and_without_values() -> None:
    assert len(STARTERS) == 8
    for starter in STARTERS:
        assert "follow no" in render(starter["content"], {})
        known = dict.fromkeys(variables_of(starter["content"]), "VALUE")
        assert "VALUE" in render(starter["content"], known, strict=True) or not known
