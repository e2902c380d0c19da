import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.expressions import ExpressionError, condition, evaluate

CONTEXTS: dict[str, Any] = {
    "trigger": {"branch": "main", "commit": {"title": "Fix"}, "changed_paths": ["a", "b"]},
    "steps": {
        "build": {"status": "success", "outputs": {"Version": "1.2"}},
        "unit-tests": {"status": "failure", "outputs": {"count": 3}},
        "empty": {},
    },
    "inputs": {"flag": True, "n": 5, "none": None, "s": "12", "list": [1, 2, 3]},
    "matrix": {"grid": [[1, 2], [3]]},
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("null", None),
        ("true", True),
        ("711", 711),
        ("-9.2", -9.2),
        ("+4", 4),
        (".5", 0.5),
        ("0xff", 255),
        ("0o17", 15),
        ("-2.99e-2", -0.0299),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        ("'It''s open'", "It's open"),
        ("''", ""),
        ("trigger.branch", "main"),
        ("TRIGGER.Branch", "main"),
        ("trigger['branch']", "main"),
        ("trigger.commit.title", "Fix"),
        ("trigger.changed_paths[1]", "b"),
        ("trigger.changed_paths['1']", "b"),
        ("trigger.changed_paths[1.9]", "b"),
        ("trigger.changed_paths[-1]", None),
        ("trigger.changed_paths[9]", None),
        ("trigger.changed_paths.length", None),
        ("steps.build.outputs.version", "1.2"),
        ("steps.unit-tests.outputs.count", 3),
        ("steps[format('{0}-{1}', 'unit', 'tests')].status", "failure"),
        ("nothing.at.all", None),
        ("trigger.__class__.__mro__", None),
        ("trigger.branch.upper", None),
        ("steps.*.status", ["success", "failure"]),
        ("steps[*].outputs.*", ["1.2", 3]),
        ("matrix.grid.*.*", [1, 2, 3]),
        ("inputs.list.*", [1, 2, 3]),
        ("inputs.n.*", []),
    ],
)
def test_literals_and_references(source: str, value: Any) -> None:
    assert evaluate(source, CONTEXTS) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 == 1.0", True),
        ("'ABC' == 'abc'", True),
        ("'straße' == 'STRASSE'", False),
        ("null == 0", True),
        ("null == ''", True),
        ("null == false", True),
        ("true == 1", True),
        ("true == '1'", True),
        ("'0xff' == 255", True),
        ("' 12 ' == 12", True),
        ("'abc' == 0", False),
        ("'' == 0", True),
        ("NaN == NaN", False),
        ("NaN != NaN", True),
        ("NaN < 1 || NaN > 1 || NaN <= NaN", False),
        ("inputs.list == inputs.list", True),
        ("inputs.list == fromJSON('[1,2,3]')", False),
        ("inputs.list < 5 || inputs.list > 5", False),
        ("steps == 'Object'", False),
        ("'a' < 'B'", True),
        ("'10' < '9'", True),
        ("'10' < 9", False),
        ("2 >= 2 && 2 <= 2", True),
        ("1 < 2 == true", True),
        ("!false == true", True),
        ("!(1 == 2)", True),
        ("!!'x'", True),
        ("!''", True),
        ("!0 && !null && !NaN", True),
        ("!inputs.list", False),
        ("true || false && false", True),
        ("(true || false) && false", False),
        ("'' || 'default'", "default"),
        ("'a' && 'b'", "b"),
        ("0 && 'b'", 0),
        ("inputs.none || inputs.n", 5),
        ("false && hashFiles('x')", False),
    ],
)
def test_operators_coerce_and_return_operands(source: str, value: Any) -> None:
    assert evaluate(source, CONTEXTS) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("contains('Hello world', 'LLO')", True),
        ("contains(123, 2)", True),
        ("contains(inputs.list, '2')", True),
        ("contains(trigger.changed_paths, 'A')", True),
        ("contains(trigger.changed_paths, 'c')", False),
        ("contains(steps, 'build')", False),
        ("contains(steps.*.status, 'failure')", True),
        ("CONTAINS('a', '')", True),
        ("startsWith('Hello', 'HE')", True),
        ("startsWith(inputs.list, 'A')", False),
        ("endsWith('Hello', 'LO')", True),
        ("format('{0} {{x}} {1}{0}', 'a', 2)", "a {x} 2a"),
        ("format('{0}', inputs.list)", "Array"),
        ("format('{0}', steps)", "Object"),
        ("format('{0}', 1.50)", "1.5"),
        ("format('{0}', 1e21)", "1E+21"),
        ("format('{0}', true)", "true"),
        ("format('{0}', null)", ""),
        ("join(inputs.list)", "1,2,3"),
        ("join(inputs.list, ' - ')", "1 - 2 - 3"),
        ("join('x', '-')", "x"),
        ("join(steps)", ""),
        ("join(steps.*.status, '')", "successfailure"),
        ("toJSON(trigger.commit)", '{\n  "title": "Fix"\n}'),
        ("toJSON('é')", '"é"'),
        ("fromJSON('{\"a\": [1]}').a[0]", 1),
        ("fromJSON('true')", True),
        ("success() && always() && !failure() && !cancelled()", True),
    ],
)
def test_functions(source: str, value: Any) -> None:
    assert evaluate(source, CONTEXTS) == value


@pytest.mark.parametrize(
    ("source", "words", "position"),
    [
        ("", "empty", 0),
        ("   ", "empty", 3),
        ("1 +", "Unexpected character '\\+'", 2),
        ('a == "b"', "single quotes", 5),
        ("a = 'b'", "Write ==", 2),
        ("a & b", "Write &&", 2),
        ("a == 'b", "not closed", 5),
        ("a ==", "found the end", 4),
        ("(a", r"Expected `\)`", 2),
        ("a b", "Expected an operator", 2),
        ("a.", "a name after the dot", 2),
        ("a.1", "a name after the dot", 2),
        ("a[", "Expected a value", 2),
        ("a[1", r"Expected `\]`", 3),
        ("1x", "is no number", 0),
        ("contain('a', 'b')", r"Did you mean contains\(\)", 0),
        ("x && nope()", r"no function nope\(\)", 5),
        ("contains('a')", "takes 2 arguments, not 1", 0),
        ("join()", "takes 1 to 2 arguments, not 0", 0),
        ("success('x')", "takes 0 arguments", 0),
        ("1 == fromJSON('{')", "fromJSON", 5),
        ("fromJSON('')", "fromJSON", 0),
        ("fromJSON('[1, NaN]')", "fromJSON", 0),
        ("format('{1}', 1)", "no value for {1}", 0),
        ("format('{', 1)", "double it", 0),
        ("hashFiles('**')", "only inside a step", 0),
        ("é", "Unexpected character", 0),
    ],
)
def test_what_cannot_be_read_is_explained_where_it_stands(
    source: str, words: str, position: int
) -> None:
    with pytest.raises(ExpressionError, match=words) as refusal:
        evaluate(source, CONTEXTS)

    assert refusal.value.position == position


@pytest.mark.parametrize(
    "source",
    [
        "(" * 51 + "1" + ")" * 51,
        "!" * 60 + "1",
        "a" + ".a" * 60,
        "a" + "[0]" * 60,
        " == ".join(["1"] * 60),
        "a[" * 51 + "0" + "]" * 51,
        "format(" * 51 + "'x'" + ")" * 51,
        "(" * 20_000,
    ],
)
def test_nesting_deeper_than_fifty_levels_is_refused(source: str) -> None:
    with pytest.raises(ExpressionError, match="Nested deeper"):
        evaluate(source, {})


def test_nesting_of_fifty_levels_is_accepted() -> None:
    assert evaluate("(" * 50 + "1" + ")" * 50, {}) == 1
    assert evaluate("a" + ".a" * 40, {"a": None}) is None
    assert evaluate(" || ".join(["false"] * 500 + ["1"]), {}) == 1


def test_a_source_longer_than_its_bound_is_refused() -> None:
    assert evaluate("'" + "x" * 20_998 + "'", {}) == "x" * 20_998
    with pytest.raises(ExpressionError, match="21,000"):
        evaluate("'" + "x" * 20_999 + "'", {})


@pytest.mark.parametrize(
    "source",
    [
        "format('" + "{0}" * 6000 + "', big)",
        "join(list, big)",
        "toJSON(bigger)",
        "bigger",
        "format('{0}{0}', half)",
    ],
)
def test_a_result_larger_than_a_megabyte_is_refused(source: str) -> None:
    contexts = {
        "big": "x" * 100_000,
        "list": list(range(1000)),
        "bigger": ["x" * 600_000, "y" * 600_000],
        "half": "x" * 600_000,
    }

    with pytest.raises(ExpressionError, match="larger than 1 MB"):
        evaluate(source, contexts)


@pytest.mark.parametrize(
    "source",
    [
        " || ".join(["contains(list, 'zz')"] * 400),
        " || ".join(["contains(text, 'zz')"] * 800),
        " || ".join(["text == texts"] * 1200),
        " || ".join(["fromJSON(json)[0]"] * 900),
    ],
)
def test_an_evaluation_of_too_many_steps_is_refused(source: str) -> None:
    contexts = {
        "list": ["a"] * 1000,
        "text": "a" * 500_000,
        "texts": "a" * 499_999 + "b",
        "json": "[" + "0," * 250_000 + "0]",
    }

    with pytest.raises(ExpressionError, match="100,000 steps"):
        evaluate(source, contexts)


def test_functions_of_the_caller_replace_and_add_to_the_language() -> None:
    functions: dict[str, Callable[..., Any]] = {
        "failure": lambda: True,
        "hashFiles": lambda *globs: "/".join(globs),
        "double": lambda n: n * 2,
    }

    assert evaluate("failure() && hashFiles('a', 'b')", {}, functions=functions) == "a/b"
    assert evaluate("DOUBLE(4)", {}, functions=functions) == 8


def test_an_error_of_the_callers_function_is_placed_at_its_call() -> None:
    def refuse() -> None:
        raise ExpressionError("no files here")

    with pytest.raises(ExpressionError, match="no files here") as refusal:
        evaluate("1 && refuse()", {}, functions={"refuse": refuse})

    assert refusal.value.position == 5


def test_values_that_are_no_json_never_leave() -> None:
    class Secret:
        token = "hidden"

    contexts = {"thing": Secret(), "things": [Secret()]}

    assert evaluate("thing.token", contexts) is None
    assert evaluate("format('{0}', thing)", contexts) == ""
    with pytest.raises(ExpressionError, match="no JSON"):
        evaluate("thing", contexts)
    with pytest.raises(ExpressionError, match="no JSON"):
        evaluate("toJSON(things)", contexts)


def test_an_error_shows_its_place_in_the_source() -> None:
    source = "a == b &&\n  c = d"

    with pytest.raises(ExpressionError) as refusal:
        evaluate(source, {})

    assert refusal.value.explain(source).splitlines()[1:] == ["    c = d", "      ^"]


OPERATORS = ["(", ")", "[", "]", ".", ",", "*", "!", "==", "!=", "<", "<=", ">", ">=", "&&", "||"]
VALUES = ["'x'", "''", "1", "-1", ".5", "1e9", "0xf", "null", "true", "NaN", "'{0}'", "success()"]
NAMES = ["a", "trigger", "steps", "contains(", "format(", "join(", "toJSON(", "fromJSON("]
OTHERS = ["'", "0x", "é", "\x00", "${{", "}}"]
fragments = st.sampled_from([*OPERATORS, *VALUES, *NAMES, *OTHERS])


@given(st.lists(fragments, max_size=30).map(" ".join) | st.text(max_size=60))
@example("a" * 21_001)
@example("9" * 20_000)
@example("0x" + "f" * 20_000)
@example("'" + "9" * 20_000 + "' == 1")
@example("a\ud800")
def test_any_source_gives_a_value_or_an_expression_error(source: str) -> None:
    refusal: ExpressionError | None = None
    value: Any = None
    try:
        value = evaluate(source, CONTEXTS)
    except ExpressionError as error:
        refusal = error

    if refusal is not None:
        assert 0 <= refusal.position <= len(source)
        assert refusal.explain(source).startswith(refusal.message)
    assert value is None or isinstance(value, bool | int | float | str | list | dict)


@pytest.mark.parametrize(
    ("source", "expected"), [("", True), ("1 == 1", True), ("1 == 2", False), ("success()", False)]
)
def test_under_finally_nothing_is_implied(source: str, *, expected: bool) -> None:
    functions = {"success": lambda: False}

    assert condition(source, {}, functions=functions, implies_success=False) is expected
