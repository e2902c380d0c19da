"""A bare repository on disk, as the API of a fake host reads and changes it."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from devops.safety import processes
from gitintegration.clients.git.program import command, environment

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
ZERO = "0" * 40
_SECONDS = 60
_FORMAT = "%x1e%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00"
_STATUS = {"A": "added", "M": "modified", "D": "removed", "R": "renamed", "C": "copied"}


class StoreError(Exception):
    """git refused; its words."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who a commit is by."""

    name: str = "Ada"
    email: str = "ada@example.com"


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """A commit."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Author
    authored_at: datetime
    committer: Author
    committed_at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Change:
    """A file that differs; `patch` begins with the first hunk, `text` is the whole section."""

    path: str
    old_path: str
    status: str
    additions: int
    deletions: int
    patch: str
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a tree."""

    mode: str
    type: str
    sha: str
    size: int | None
    path: str


@dataclass(slots=True)
class GitStore:
    """A bare repository; made where there is none.

    Every method may raise StoreError when git refuses. `revision` is a SHA, a branch or a tag.
    """

    path: Path
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        if not (self.path / "HEAD").exists():
            self.path.mkdir(parents=True, exist_ok=True)
            self.git("init", "--quiet", "--bare", "--initial-branch=main")

    def git(
        self, *arguments: str, feed: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> bytes:
        """What git says."""
        done = processes.run(
            command(arguments), cwd=self.path, timeout=_SECONDS, input=feed,
            env={**environment(self.path, ""), **(env or {})}, max_output_bytes=64 * 1024 * 1024,
        )  # fmt: skip
        if done.returncode:
            raise StoreError(done.stderr.decode(errors="replace").strip())
        return done.stdout

    def refs(self) -> dict[str, str]:
        """Every ref with the commit that it leads to."""
        listed = self.git("for-each-ref", "--format=%(refname)%00%(objectname)%00%(*objectname)")
        found = {}
        for line in listed.decode().splitlines():
            name, sha, peeled = line.split("\0")
            found[name] = peeled or sha
        return found

    def branches(self) -> dict[str, str]:
        """The branches with their commits, by name."""
        return self._under("refs/heads/")

    def tags(self) -> dict[str, str]:
        """The tags with their commits, by name."""
        return self._under("refs/tags/")

    def annotation(self, name: str) -> tuple[str, str, str]:
        """An annotated tag's own SHA, its tagger and its message; empty for a plain one."""
        wanted = "%(objecttype)%00%(objectname)%00%(taggername)%00%(contents)"
        told = self.git("for-each-ref", f"--format={wanted}", f"refs/tags/{name}").decode()
        kind, sha, tagger, message = told.split("\0", 3)
        return (sha, tagger, message.strip()) if kind == "tag" else ("", "", "")

    def _under(self, prefix: str) -> dict[str, str]:
        return {
            name.removeprefix(prefix): sha
            for name, sha in self.refs().items()
            if name.startswith(prefix)
        }

    def resolve(self, revision: str) -> str:
        """The commit's SHA; empty where there is none."""
        for candidate in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            try:
                found = self.git("rev-parse", "--verify", "--quiet", "--end-of-options",
                                 f"{candidate}^{{commit}}")  # fmt: skip
            except StoreError:
                continue
            return found.decode().strip()
        return ""

    def commits(
        self,
        revision: str,
        *,
        since: str = "",
        until: str = "",
        path: str = "",
        limit: int = 1000,
    ) -> list[CommitFacts]:
        """The history, the newest first; `revision` may be a range."""
        options = [f"--{name}={value}" for name, value in (("since", since), ("until", until))
                   if value]  # fmt: skip
        said = self.git("log", f"--format={_FORMAT}", f"-{limit}", *options, "--end-of-options",
                        revision, "--", *([path] if path else []))  # fmt: skip
        return [_commit(part) for part in said.decode(errors="replace").split("\x1e")[1:]]

    def commit(self, sha: str) -> CommitFacts:
        """One commit."""
        return self.commits(sha, limit=1)[0]

    def changes(self, base: str, head: str) -> list[Change]:
        """The files that differ between two commits or trees."""
        options = ("--no-color", "--no-ext-diff", "--no-textconv", "-M")
        listed = self.git("diff", *options, "--name-status", "-z", base, head)
        sections = _sections(self.git("diff", *options, base, head).decode(errors="replace"))
        found = []
        words = iter(listed.decode(errors="replace").split("\0")[:-1])
        for section, letter in zip(sections, words, strict=False):
            old = next(words)
            new = next(words) if letter[0] in "RC" else old
            patch = section[section.find("\n@@ ") + 1 :] if "\n@@ " in section else ""
            lines = patch.split("\n")
            found.append(
                Change(
                    new, old, _STATUS.get(letter[0], "modified"),
                    sum(line.startswith("+") for line in lines),
                    sum(line.startswith("-") for line in lines),
                    patch.rstrip("\n"), section,
                )
            )  # fmt: skip
        return found

    def diff(self, base: str, head: str) -> str:
        """The text of `git diff`."""
        return self.git("diff", "--no-color", "--no-ext-diff", "-M", base, head).decode(
            errors="replace"
        )

    def patch(self, sha: str) -> str:
        """A commit as a mail."""
        return self.git("format-patch", "-1", "--stdout", "--no-signature", sha).decode(
            errors="replace"
        )

    def merge_base(self, one: str, other: str) -> str:
        """The best common ancestor; empty where there is none."""
        try:
            return self.git("merge-base", one, other).decode().strip()
        except StoreError:
            return ""

    def ahead_behind(self, base: str, head: str) -> tuple[int, int]:
        """Commits that only head has, and that only base has."""
        said = self.git("rev-list", "--left-right", "--count", f"{base}...{head}").decode().split()
        return int(said[1]), int(said[0])

    def tree(self, revision: str, path: str = "", *, recursive: bool = False) -> list[Entry]:
        """The entries of a folder of a commit or tree; all below it when `recursive`."""
        spec = f"{revision}:{path.strip('/')}" if path.strip("/") else revision
        options = ["-r", "-t"] if recursive else []
        said = self.git("ls-tree", "-z", "--long", "--full-tree", *options, spec)
        found = []
        for line in said.decode(errors="surrogateescape").split("\0")[:-1]:
            facts, _, name = line.partition("\t")
            mode, kind, sha, size = facts.split()
            found.append(Entry(mode, kind, sha, None if size == "-" else int(size), name))
        return found

    def blob(self, sha: str) -> bytes:
        """The bytes of a file."""
        return self.git("cat-file", "blob", sha)

    def entry(self, revision: str, path: str) -> Entry | None:
        """The file or folder at a path."""
        said = self.git("ls-tree", "-z", "--long", "--full-tree", revision, "--", path.strip("/"))
        line = said.decode(errors="surrogateescape").split("\0")[0]
        if not line:
            return None
        facts, _, name = line.partition("\t")
        mode, kind, sha, size = facts.split()
        return Entry(mode, kind, sha, None if size == "-" else int(size), name)

    def set_ref(self, name: str, sha: str) -> None:
        """Make or move a ref."""
        self.git("update-ref", name, sha)

    def delete_ref(self, name: str) -> None:
        """Remove a ref."""
        self.git("update-ref", "-d", name)

    def set_head(self, branch: str) -> None:
        """Make a branch the default one."""
        self.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")

    def commit_files(
        self,
        branch: str,
        files: Mapping[str, bytes | None],
        message: str,
        *,
        author: Author | None = None,
        committer: Author | None = None,
        start: str = "",
    ) -> str:
        """Commit files on a branch and return the SHA; None removes, `start` begins a branch."""
        with self._lock:
            parent = self.branches().get(branch, "") or start
            now = int(datetime.now(UTC).timestamp())
            written = author or Author()
            by = committer or written
            head = [
                f"commit refs/heads/{branch}",
                f"author {written.name} <{written.email}> {now} +0000",
                f"committer {by.name} <{by.email}> {now} +0000",
                f"data {len(message.encode())}",
            ]
            feed = "\n".join(head).encode() + b"\n" + message.encode() + b"\n"
            feed += f"from {parent}\n".encode() if parent else b""
            for path, content in files.items():
                name = _quoted(path)
                if content is None:
                    feed += b"D " + name + b"\n"
                else:
                    feed += b"M 100644 inline " + name + b"\n"
                    feed += f"data {len(content)}\n".encode() + content + b"\n"
            self.git("fast-import", "--quiet", "--force", feed=feed)
            return self.branches()[branch]

    def make_refs(self, refs: Mapping[str, str]) -> None:
        """Make many refs at once."""
        feed = "".join(f"create {name} {sha}\n" for name, sha in refs.items())
        self.git("update-ref", "--stdin", feed=feed.encode())

    def tag(self, name: str, sha: str, message: str = "") -> None:
        """Make a tag, annotated when there is a message."""
        if not message:
            self.set_ref(f"refs/tags/{name}", sha)
            return
        self.git("tag", "-a", "-m", message, name, sha, env=_as(Author()))

    def merge(
        self, base: str, head_sha: str, method: str, message: str, author: Author | None = None
    ) -> str:
        """Merge a commit into a branch and return the SHA.

        `rebase` moves the branch forward where that is possible and squashes where it is not.

        Raises:
            StoreError: there is a conflict.
        """
        with self._lock:
            tip = self.branches()[base]
            if method == "rebase" and self.merge_base(tip, head_sha) == tip:
                self.set_ref(f"refs/heads/{base}", head_sha)
                return head_sha
            tree = self.git("merge-tree", "--write-tree", tip, head_sha).decode().split()[0]
            parents: Sequence[str] = [tip, head_sha] if method == "merge" else [tip]
            named = [word for parent in parents for word in ("-p", parent)]
            made = self.git("commit-tree", tree, *named, "-m", message, env=_as(author or Author()))
            sha = made.decode().strip()
            self.set_ref(f"refs/heads/{base}", sha)
            return sha

    def can_merge(self, base_sha: str, head_sha: str) -> bool:
        """Whether there is no conflict."""
        try:
            self.git("merge-tree", "--write-tree", base_sha, head_sha)
        except StoreError:
            return False
        return True

    def fetch_all(self, other: "GitStore", prefix: str = "refs/heads/") -> None:
        """Take another store's branches under a prefix, as a fork or a pull request does."""
        self.git(
            "fetch", "--quiet", str(other.path), f"+refs/heads/*:{prefix}*",
            env={"GIT_ALLOW_PROTOCOL": "file"},
        )  # fmt: skip


def _commit(part: str) -> CommitFacts:
    sha, tree, parents, an, ae, at, cn, ce, ct, message, *_ = part.split("\0")
    return CommitFacts(
        sha, tree, tuple(parents.split()), Author(an, ae), _time(at), Author(cn, ce), _time(ct),
        message.rstrip("\n"),
    )  # fmt: skip


def _time(written: str) -> datetime:
    return datetime.fromisoformat(written).astimezone(UTC)


def _sections(diff: str) -> list[str]:
    parts = ("\n" + diff).split("\ndiff --git ")
    return ["diff --git " + part.rstrip("\n") + "\n" for part in parts[1:]]


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.encode()


def _as(author: Author) -> dict[str, str]:
    return {
        "GIT_AUTHOR_NAME": author.name, "GIT_AUTHOR_EMAIL": author.email,
        "GIT_COMMITTER_NAME": author.name, "GIT_COMMITTER_EMAIL": author.email,
    }  # fmt: skip
