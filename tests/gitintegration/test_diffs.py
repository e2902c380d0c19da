"""Diffs that hosts give as text are read as git wrote them."""

import difflib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitintegration.clients.diffs import Hunk, count, hunks, parse_unified
from tests.gitintegration.test_git_refusals import git

# Lines that look like a diff's own.
TRICKY = st.sampled_from(
    ["", " ", "-- old", "++ new", "@@ -1,2 +3,4 @@", "diff --git a/x b/x", "\\ No newline", "a\rb"]
)
LINES = st.lists(TRICKY | st.text(st.characters(exclude_characters="\n"), max_size=5), max_size=12)
DIFF_LIKE = st.lists(
    st.sampled_from(
        [
            "diff --git a/x b/x", 'diff --git "a/\\303" "b/\\303"', "diff --git ", "--- a/x",
            "+++ /dev/null", '+++ "b/\\"', "@@ -1,9999999999 +1 @@", "@@ -1 +1,0 @@ text", "+", "-",
            " ", "", "\\ No newline at end of file", "rename from a", "rename to b",
            "Binary files a/x and b/x differ", "new file mode 100644",
        ]
    )
    | st.text(max_size=12),
    max_size=30,
).map("\n".join)  # fmt: skip


def replayed(old: list[str], found: tuple[Hunk, ...]) -> list[str]:
    """The old lines with the hunks applied, by the line numbers that the hunks give."""
    new: list[str] = []
    at = 1
    for hunk in found:
        for line in hunk.lines:
            if line.old_line_number is not None:
                new += old[at - 1 : line.old_line_number - 1]
                at = line.old_line_number + 1
                assert old[line.old_line_number - 1] == line.content
            if line.new_line_number is not None:
                if line.old_line_number is None and hunk.old_lines == 0:
                    new += old[at - 1 : hunk.old_start]
                    at = max(at, hunk.old_start + 1)
                new.append(line.content)
                assert len(new) == line.new_line_number
    return new + old[at - 1 :]


@given(LINES, LINES, st.integers(0, 3))
def test_hunks_applied_to_the_old_text_give_the_new_text(
    old: list[str], new: list[str], context: int
) -> None:
    patch = "\n".join(difflib.unified_diff(old, new, lineterm="", n=context))
    found = hunks(patch)
    assert replayed(old, found) == new
    additions, deletions = count(patch)
    assert additions - deletions == len(new) - len(old)
    for hunk in found:
        kinds = [line.type for line in hunk.lines]
        assert hunk.old_lines == len(kinds) - kinds.count("addition")
        assert hunk.new_lines == len(kinds) - kinds.count("deletion")


@given(DIFF_LIKE)
def test_any_text_is_read_without_an_error_and_counts_agree(text: str) -> None:
    for change in parse_unified(text):
        assert (change.additions, change.deletions) == count(change.patch)
    assert sum(count(text)) <= text.count("\n") + 1


@given(DIFF_LIKE, st.integers(0, 200))
def test_a_cut_diff_gives_no_more_than_the_whole(text: str, length: int) -> None:
    whole, cut = count(text), count(text[:length])
    assert cut[0] <= whole[0]
    assert cut[1] <= whole[1]


def test_omitted_numbers_of_a_header_are_one() -> None:
    (hunk,) = hunks("@@ -3 +3 @@ def f():\n-a\n+b\n\\ No newline at end of file\n")
    assert (hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines) == (3, 1, 3, 1)
    assert hunk.header == "@@ -3 +3 @@ def f():"
    assert [(line.type, line.content) for line in hunk.lines] == [
        ("deletion", "a"),
        ("addition", "b"),
    ]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits that do everything a diff can tell of a file."""
    git("init", "-q", "-b", "main", cwd=tmp_path)
    git("config", "diff.renames", "copies", cwd=tmp_path)
    write = {
        "removed.txt": b"one\n-- two\n",
        "moved from.txt": b"".join(b"line %d\n" % number for number in range(30)),
        "copied.txt": b"".join(b"row %d\n" % number for number in range(30)),
        "mode.sh": b"echo\n",
        "binary.bin": bytes(range(256)),
        "tricky b/b.txt": b"-- a\n++ b\n@@ -1 +1 @@\n",
        'quote"tab\tumlaut\u00e4\nline.txt': b"a\n",
        "no newline": b"a",
    }
    for name, content in write.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    git("add", "-A", cwd=tmp_path)
    git("commit", "-q", "-m", "first", cwd=tmp_path)
    (tmp_path / "removed.txt").unlink()
    moved = (tmp_path / "moved from.txt").read_bytes()
    (tmp_path / "moved from.txt").unlink()
    (tmp_path / "moved to.txt").write_bytes(moved.replace(b"line 3\n", b"-- 3\n"))
    copied = (tmp_path / "copied.txt").read_bytes()
    (tmp_path / "copied.txt").write_bytes(copied + b"more\n")
    (tmp_path / "copy.txt").write_bytes(copied)
    (tmp_path / "mode.sh").chmod(0o755)
    (tmp_path / "binary.bin").write_bytes(bytes(range(255, -1, -1)))
    (tmp_path / "tricky b/b.txt").write_bytes(b"++ b\n-- c\ndiff --git a/x b/x\n")
    (tmp_path / 'quote"tab\tumlaut\u00e4\nline.txt').write_bytes(b"b\n")
    (tmp_path / "no newline").write_bytes(b"b")
    (tmp_path / "empty \u00fc.txt").write_bytes(b"")
    git("add", "-A", cwd=tmp_path)
    git("commit", "-q", "-m", "second", cwd=tmp_path)
    return tmp_path


def diff(repository: Path, *options: str, quoting: str = "true") -> str:
    """What git tells of the second commit, carriage returns and all."""
    setting = f"core.quotePath={quoting}"
    return git("-c", setting, "diff", *options, "HEAD~1", "HEAD", cwd=repository)


@pytest.mark.parametrize("quoting", ["true", "false"])
def test_names_counts_and_kinds_are_those_that_git_itself_tells(
    repository: Path, quoting: str
) -> None:
    text = "A letter before the diff.\n\n" + diff(repository, quoting=quoting)
    changes = {change.filename: change for change in parse_unified(text)}

    rest = diff(repository, "--numstat", "-z").split("\0")[:-1]
    expected: dict[str, tuple[str, str]] = {}
    while rest:
        additions, deletions, name = rest.pop(0).split("\t", 2)
        if not name:
            _, name = rest.pop(0), rest.pop(0)
        expected[name] = (additions.replace("-", "0"), deletions.replace("-", "0"))
    counted = {
        name: (str(change.additions), str(change.deletions)) for name, change in changes.items()
    }
    assert counted == expected

    kinds = {"A": "added", "M": "modified", "D": "removed", "R": "renamed", "C": "copied"}
    rest = diff(repository, "--name-status", "-z").split("\0")[:-1]
    while rest:
        kind, name, previous = rest.pop(0), rest.pop(0), ""
        if kind[0] in "RC":
            previous, name = name, rest.pop(0)
        assert (changes[name].status, changes[name].previous_filename) == (kinds[kind[0]], previous)
    assert changes["binary.bin"].is_binary
