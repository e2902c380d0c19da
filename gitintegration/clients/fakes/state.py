"""All that a fake host knows, and the changes that people and programs make to it."""

import base64
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from gitintegration.clients.fakes.ci import Ci
from gitintegration.clients.fakes.deliveries import Courier, Speaker
from gitintegration.clients.fakes.faults import Faults
from gitintegration.clients.fakes.git_store import ZERO, Author, GitStore
from gitintegration.clients.fakes.happenings import Happening
from gitintegration.clients.fakes.model import Hook, Organization, Repo, Token, User
from gitintegration.clients.fakes.talk import Talk

_RANK = {"none": 0, "read": 1, "write": 2, "admin": 3}


@dataclass(slots=True, eq=False)
class HostState:
    """One host. Everything is done under `lock`; `folder` is where its repositories lie.

    Attributes:
        talk: pull requests, issues, comments, releases, statuses and checks.
        ci: the host's own CI and its runners.
        courier: delivers the hooks; `speaker` words them and is set by the host's `create_app`.
        faults: misbehaviour that tests ask for.
        extra: what only one kind of host has (apps, enterprise settings …).
    """

    folder: Path
    lock: threading.RLock = field(default_factory=threading.RLock)
    users: dict[str, User] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    organizations: dict[str, Organization] = field(default_factory=dict)
    repositories: dict[str, Repo] = field(default_factory=dict)
    moved: dict[str, Repo] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    listeners: list[Callable[[Happening], None]] = field(default_factory=list)
    speaker: Speaker | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    talk: Talk = field(init=False)
    ci: Ci = field(init=False)
    courier: Courier = field(init=False)
    _last_id: int = 1000

    def __post_init__(self) -> None:
        self.talk = Talk(self)
        self.ci = Ci(self)
        self.courier = Courier(self.next_id)

    def next_id(self) -> int:
        """A number that nothing else here has."""
        with self.lock:
            self._last_id += 1
            return self._last_id

    # People

    def add_user(self, login: str, *, name: str = "", email: str = "", admin: bool = False) -> User:
        """A new person."""
        with self.lock:
            made = User(
                self.next_id(), login, name or login.title(), email or f"{login}@example.com", admin
            )
            self.users[login] = made
            return made

    def add_token(
        self, login: str, scopes: Iterable[str] = (), *, seconds: float | None = None
    ) -> str:
        """A new token of a person; `seconds` until it expires."""
        with self.lock:
            value = secrets.token_hex(20)
            ends = None if seconds is None else timezone.now() + timedelta(seconds=seconds)
            self.tokens[value] = Token(value, login, tuple(scopes), ends)
            return value

    def add_organization(self, path: str, **members: str) -> Organization:
        """A new organization or group; members by login with `admin` or `member`."""
        with self.lock:
            made = Organization(self.next_id(), path, dict(members))
            self.organizations[path] = made
            return made

    def token_of(self, headers: Mapping[str, str]) -> Token | None:
        """The valid token that a request brings: Authorization of any scheme, or PRIVATE-TOKEN."""
        given = headers.get("private-token", "")
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        candidates = [given]
        if scheme.lower() == "basic":
            try:
                name, _, password = base64.b64decode(rest).decode().partition(":")
            except ValueError:
                return None
            candidates += [password, name]
        elif scheme.lower() in {"token", "bearer"}:
            candidates.append(rest.strip())
        with self.lock:
            for candidate in filter(None, candidates):
                token = self.tokens.get(candidate)
                if token and not token.is_revoked and not _is_over(token):
                    return token
        return None

    def user_of(self, headers: Mapping[str, str]) -> User | None:
        """Who makes a request."""
        token = self.token_of(headers)
        return self.users.get(token.login) if token else None

    def permission(self, repo: Repo, user: User | None) -> str:
        """none, read, write or admin."""
        with self.lock:
            found = "none" if repo.is_private else "read"
            if user is None:
                return found
            organization = self.organizations.get(repo.owner)
            given = [found, repo.collaborators.get(user.login, "none")]
            if user.is_admin or repo.owner == user.login:
                given.append("admin")
            if organization is not None and user.login in organization.members:
                given.append("admin" if organization.members[user.login] == "admin" else "read")
            return max(given, key=_RANK.__getitem__)

    def may(self, repo: Repo, user: User | None, wanted: str) -> bool:
        """Whether somebody has at least this permission."""
        return _RANK[self.permission(repo, user)] >= _RANK[wanted]

    # Repositories

    def add_repository(
        self,
        full_name: str,
        *,
        files: Mapping[str, str | bytes] | None = None,
        default_branch: str = "main",
        private: bool = False,
        **facts: Any,
    ) -> Repo:
        """A new repository; with `files` it has a first commit. `facts` are members of `Repo`."""
        with self.lock:
            number = self.next_id()
            store = GitStore(self.folder / f"{number}.git")
            store.set_head(default_branch)
            repo = Repo(number, full_name, store, default_branch, is_private=private, **facts)
            if files:
                content = {path: _bytes(value) for path, value in files.items()}
                store.commit_files(default_branch, content, "Initial commit")
            self.repositories[full_name] = repo
            return repo

    def repository(self, full_name: str) -> Repo | None:
        """The repository with this name, or None; a former name does not count."""
        with self.lock:
            return self.repositories.get(full_name)

    def repository_by_id(self, number: int) -> Repo | None:
        """The repository with this id."""
        with self.lock:
            return next((repo for repo in self.repositories.values() if repo.id == number), None)

    def visible(self, user: User | None) -> list[Repo]:
        """The repositories that somebody may read, in the order of their making."""
        with self.lock:
            return [repo for repo in self.repositories.values() if self.may(repo, user, "read")]

    def rename(self, repo: Repo, full_name: str) -> None:
        """Rename or transfer; the former name leads to it until somebody takes it."""
        with self.lock:
            del self.repositories[repo.full_name]
            self.moved[repo.full_name] = repo
            repo.full_name = full_name
            self.repositories[full_name] = repo

    def delete(self, repo: Repo) -> None:
        """Remove it; its files stay on disk until the folder goes."""
        with self.lock:
            self.repositories.pop(repo.full_name, None)

    def fork(self, repo: Repo, owner: User) -> Repo:
        """A copy below somebody else's name."""
        with self.lock:
            made = self.add_repository(
                f"{owner.login}/{repo.name}", default_branch=repo.default_branch, fork_of=repo
            )
            made.store.fetch_all(repo.store)
            self.emit(Happening("fork", repo, owner, subject=made))
            return made

    def add_hook(self, repo: Repo, url: str, secret: str, events: Iterable[str]) -> Hook:
        """A hook made in the host's own pages."""
        with self.lock:
            made = Hook(self.next_id(), url, secret, list(events))
            repo.hooks[made.id] = made
            return made

    # Pushes

    def push_file(
        self,
        repo: Repo,
        branch: str,
        path: str,
        content: str | bytes | None,
        *,
        message: str = "",
        user: User | None = None,
        author: Author | None = None,
    ) -> str:
        """Commit one file as if it were pushed, and return the SHA; None removes the file.

        `author` is what stands in the commit and may be anybody; `user` is who pushes.
        """
        return self.push_files(
            repo, branch, {path: content}, message=message or f"Change {path}", user=user,
            author=author,
        )  # fmt: skip

    def push_files(
        self,
        repo: Repo,
        branch: str,
        files: Mapping[str, str | bytes | None],
        *,
        message: str,
        user: User | None = None,
        author: Author | None = None,
    ) -> str:
        """The same for several files in one commit."""
        with self.lock:
            before = repo.store.branches()
            who = author or (Author(user.name, user.email) if user else None)
            start = "" if branch in before else before.get(repo.default_branch, "")
            content = {path: _bytes(value) for path, value in files.items()}
            sha = repo.store.commit_files(branch, content, message, author=who, start=start)
            self.pushed(repo, f"refs/heads/{branch}", before.get(branch, ZERO), sha, user)
            return sha

    def pushed(self, repo: Repo, ref: str, before: str, after: str, user: User | None) -> None:
        """Tell of a ref that changed: the push, a made or removed ref, open pull requests."""
        with self.lock:
            actor = user or self.owner_of(repo)
            repo.pushed_at = repo.updated_at = timezone.now()
            facts = {"ref": ref, "before": before, "after": after}
            if before == ZERO:
                self.emit(Happening("create", repo, actor, facts=facts))
            if after == ZERO:
                self.emit(Happening("delete", repo, actor, facts=facts))
            self.emit(Happening("push", repo, actor, facts=facts))
            if after != ZERO:
                self.talk.follow_push(repo, ref, after, actor)

    def owner_of(self, repo: Repo) -> User:
        """The person a repository belongs to, or an administrator of its organization."""
        with self.lock:
            found = self.users.get(repo.owner)
            if found is not None:
                return found
            organization = self.organizations.get(repo.owner)
            admins = [
                login
                for login, role in (organization.members if organization else {}).items()
                if role == "admin"
            ]
            return self.users[admins[0]] if admins else next(iter(self.users.values()))

    # Hooks

    def emit(self, happening: Happening) -> None:
        """Tell the listeners and every hook that wants to know."""
        with self.lock:
            for listener in self.listeners:
                listener(happening)
            if self.speaker is not None:
                for hook in list(happening.repo.hooks.values()):
                    self.courier.tell(self.speaker, hook, happening)

    def settle(self) -> None:
        """Wait until every delivery that was started has ended.

        Raises:
            TimeoutError: one has not within a minute.
        """
        self.courier.settle()


def _is_over(token: Token) -> bool:
    return token.expires_at is not None and token.expires_at <= timezone.now()


def _bytes(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value
