import pytest
from hypothesis import given
from hypothesis import strategies as st

from devops.safety.patterns import (
    GlobSet,
    PatternError,
    compile_regex,
    glob_to_regex,
)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"(a)\1", "Back-references are not supported"),
        (r"(?P<x>a)(?P=x)", "Back-references are not supported"),
        (r"a(?=b)", "Look-ahead and look-behind"),
        (r"a(?!b)", "Look-ahead and look-behind"),
        (r"(?<=a)b", "Look-ahead and look-behind"),
        (r"(?<!a)b", "Look-ahead and look-behind"),
        (r"(?>a)", "Atomic groups"),
        (r"a++", "possessive"),
        (r"(a{1000}){1000}", "too large"),
        (r"(((((a{1,100}){1,10}){1,10}){1,10}){1,10})", "too large"),
        (r"(", "is no regular expression"),
        (r"[", "is no regular expression"),
        ("a" * 513, "at most 512 bytes"),
        ("é" * 257, "at most 512 bytes"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_explained(pattern: str, words: str) -> None:
    with pytest.raises(PatternError, match=words):
        compile_regex(pattern)


@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", r"^(release|feature)/([a-zA-Z0-9]+[-_.]?)+$", "(a|a)*b", "(.*)*x"]
)
def test_a_pattern_that_explodes_elsewhere_is_harmless_here(pattern: str) -> None:
    regex = compile_regex(pattern)

    assert not regex.search("a" * 100_000 + "!")


def test_matches_are_given_in_characters_of_the_text() -> None:
    matches = list(compile_regex("b+").finditer("ä\ud800bb é b"))

    assert [(m.start, m.end, m.text) for m in matches] == [(2, 4, "bb"), (7, 8, "b")]


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_pattern_either_compiles_or_is_refused(pattern: str, text: str) -> None:
    try:
        regex = compile_regex(pattern)
    except PatternError:
        return
    assert regex.search(text) == bool(list(regex.finditer(text)))


@pytest.mark.parametrize(
    ("glob", "matching", "failing"),
    [
        ("main", ["main"], ["Main", "main2", "a/main", ""]),
        ("*", ["main", ""], ["a/b"]),
        ("release/*", ["release/1.0", "release/"], ["release/1/2", "release"]),
        ("release/**", ["release/1.0", "release/1/2"], ["release", "prerelease/1"]),
        ("**", ["a", "a/b/c"], []),
        ("**/*.py", ["a.py", "x/y/a.py"], ["a.pyc"]),
        ("src/**/a.py", ["src/a.py", "src/x/y/a.py"], ["src/xa.py", "a.py"]),
        ("**.md", ["a.md", "x/a.md"], ["a.mdx"]),
        ("v?", ["v1", "vé"], ["v", "v12", "v/"]),
        ("v[0-9].[!0-9]", ["v1.x"], ["v1.2", "vx.x", "v1./"]),
        ("[]x]", ["]", "x"], ["[]"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("{main,dev/*}", ["main", "dev/x"], ["dev", "main,dev/x"]),
        ("a{b,{c,d}e}", ["ab", "ace", "ade"], ["a", "ae"]),
        ("a{,b}", ["a", "ab"], ["b"]),
        ("a}", ["a}"], ["a"]),
        ("a,b", ["a,b"], ["a"]),
        (r"\*\{x\}", ["*{x}"], ["ax"]),
        (r"\!x", ["!x"], ["x"]),
        ("a.b+(c)|^$", ["a.b+(c)|^$"], ["axb"]),
        ("a\nb*", ["a\nb\n"], ["ab"]),
    ],
)
def test_a_glob_matches_the_whole_value(glob: str, matching: list[str], failing: list[str]) -> None:
    globs = GlobSet([glob])

    assert [value for value in matching if not globs.matches(value)] == []
    assert [value for value in failing if globs.matches(value)] == []


@pytest.mark.parametrize(
    ("globs", "value", "expected"),
    [
        ([], "anything", True),
        (["src/**", "!src/docs/**"], "src/a", True),
        (["src/**", "!src/docs/**"], "src/docs/a", False),
        (["src/**", "!src/docs/**", "src/docs/keep"], "src/docs/keep", True),
        (["src/**", "!src/docs/**"], "other", False),
        (["!docs/**"], "docs/a", False),
        (["!docs/**"], "src/a", True),
    ],
)
def test_the_last_glob_that_matches_decides(globs: list[str], value: str, expected: bool) -> None:
    assert GlobSet(globs).matches(value) is expected


@pytest.mark.parametrize(
    ("glob", "words"),
    [
        ("[abc", "unclosed `\\["),
        ("[]", "unclosed `\\["),
        ("{a,b", "unclosed `{"),
        ("a\\", "ends in a backslash"),
        ("[z-a]", "runs backwards"),
        ("{" + "a," * 70 + "a}", "At most 64 alternatives"),
        ("{" * 5 + "}" * 5, "4 levels"),
        ("x" * 513, "512 bytes"),
    ],
)
def test_a_malformed_glob_is_explained(glob: str, words: str) -> None:
    with pytest.raises(PatternError, match=words):
        glob_to_regex(glob)


def test_a_list_of_too_many_globs_is_refused() -> None:
    with pytest.raises(PatternError, match="256"):
        GlobSet(["a"] * 257)


@given(st.text(alphabet="ab/*?[]{}!,\\-^", max_size=30), st.text(alphabet="ab/", max_size=20))
def test_any_glob_either_matches_or_is_refused(glob: str, value: str) -> None:
    try:
        GlobSet([glob])
    except PatternError:
        return
    assert GlobSet([glob, "**"]).matches(value)
    assert not GlobSet(["**", glob, "!**"]).matches(value)


@given(st.text(alphabet="ab/.+", max_size=30))
def test_a_glob_without_special_characters_matches_itself_only(value: str) -> None:
    assert GlobSet([value]).matches(value)
    assert not GlobSet([value]).matches(value + "x")
