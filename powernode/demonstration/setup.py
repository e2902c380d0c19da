"""Sets the demonstration up: operator, account, repository, hook, first push."""

import json
import secrets
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from devops.access import Actor, member_actor, system_actor
from devops.choices import Role
from devops.models import Account, ApiToken, Membership, Repository, User
from devops.safety import processes
from devops.tokens import digest, new_token_text
from gitintegration.public import configure_webhook, endpoints, hook_script

PROJECT = Path(__file__).parent / "project"
EMAIL = "operator@powernode.localhost"
_GIT_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Demo",
    "GIT_AUTHOR_EMAIL": "demo@powernode.localhost",
    "GIT_COMMITTER_NAME": "Demo",
    "GIT_COMMITTER_EMAIL": "demo@powernode.localhost",
    "LC_ALL": "C.UTF-8",
}


class DemonstrationError(Exception):
    """A part of the demonstration could not be done; says which and why."""


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What was set up; the file of it is readable by its owner alone."""

    email: str
    password: str
    token: str
    account_id: str
    repository_id: str
    bare: str
    clone: str

    @classmethod
    def path(cls) -> Path:
        return Path(settings.POWERNODE_VAR) / "demo.json"

    @classmethod
    def load(cls) -> "Demonstration | None":
        """The demonstration that an earlier start made."""
        path = cls.path()
        return cls(**json.loads(path.read_text())) if path.exists() else None

    def save(self) -> None:
        """Keep it, readable by nobody else."""
        path = self.path()
        path.touch(mode=0o600)
        path.write_text(json.dumps({name: getattr(self, name) for name in self.__slots__}))


def set_up() -> Demonstration:
    """Make everything that the first push needs.

    Raises:
        DemonstrationError: git is missing or refused.
    """
    var = Path(settings.POWERNODE_VAR)
    password, token = secrets.token_urlsafe(12), new_token_text()
    actor = _people(password, token)
    bare, clone = var / "repositories" / "shop.git", var / "demo" / "shop"
    repository = _repository(actor, bare)
    if not endpoints(actor).filter(repository=repository).exists():
        configure_webhook(actor, repository)
    shutil.rmtree(bare, ignore_errors=True)  # what an interrupted start left has no history
    bare.parent.mkdir(parents=True, exist_ok=True)
    _git(["init", "--quiet", "--bare", "--initial-branch=main", str(bare)], var)
    _project(clone, bare)
    made = Demonstration(
        EMAIL, password, token, str(actor.account_id), str(repository.pk), str(bare), str(clone)
    )
    made.save()
    return made


def push(made: Demonstration) -> str:
    """Push what the clone has; returns what git and the hook said.

    Raises:
        DemonstrationError: the push was refused, or nobody made the set-up's rows.
    """
    install_hook(made)
    arguments = ["push", "--porcelain", "--set-upstream", "origin", "HEAD"]
    return _git(arguments, Path(made.clone))


def commit_something(made: Demonstration) -> bool:
    """Make sure that there is something to push; false when there was already.

    Files that somebody is editing in the clone stay as they are.

    Raises:
        DemonstrationError: the clone is damaged.
    """
    clone = Path(made.clone)
    pushed = _git(["ls-remote", "origin", "refs/heads/main"], clone).partition("\t")[0]
    if pushed != head(made):
        return False
    message = "--message=Run the demonstration once more"
    _git(["commit", "--quiet", "--allow-empty", "--only", message], clone)
    return True


def head(made: Demonstration) -> str:
    """The commit that the clone is at."""
    return _git(["rev-parse", "HEAD"], Path(made.clone)).strip()


def install_hook(made: Demonstration) -> None:
    """Write the hook for the address at which the platform listens this time.

    Raises:
        DemonstrationError: nobody made the set-up's rows.
    """
    actor = system_actor(uuid.UUID(made.account_id), "the demonstration")
    endpoint = endpoints(actor).filter(repository_id=made.repository_id).first()
    if endpoint is None:
        raise DemonstrationError(
            "The demonstration's repository has no webhook address any more. "
            "Configure one on its page, or remove demo.json and start again."
        )
    hook = Path(made.bare) / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.touch(mode=0o700)
    hook.write_text(hook_script(actor, endpoint))


@transaction.atomic(durable=True)
def _people(password: str, token: str) -> Actor:
    user = User.objects.filter(email=EMAIL).first()
    if user is None:
        user = User.objects.create_user(
            EMAIL, password, name="Operator", is_staff=True, is_superuser=True
        )
    user.set_password(password)
    user.save(update_fields=["password"])
    account, _ = Account.objects.get_or_create(slug="demo", defaults={"name": "Demo"})
    membership, _ = Membership.objects.get_or_create(
        account=account, user=user, defaults={"role": Role.OWNER}
    )
    ApiToken.objects.create(
        account=account, user=user, name="demo", prefix=token[:8], digest=digest(token),
        scopes=["*"], expires_at=timezone.now() + timedelta(days=90),
    )  # fmt: skip
    return member_actor(membership)


@transaction.atomic(durable=True)
def _repository(actor: Actor, bare: Path) -> Repository:
    repository, _ = Repository.objects.get_or_create(
        account_id=actor.account_id,
        full_name="demo/shop",
        defaults={"name": "shop", "clone_url": str(bare), "default_branch": "main"},
    )
    return repository


def _project(clone: Path, bare: Path) -> None:
    shutil.rmtree(clone, ignore_errors=True)
    shutil.copytree(PROJECT, clone, ignore=shutil.ignore_patterns("__pycache__"))
    _git(["init", "--quiet", "--initial-branch=main"], clone)
    # Whoever tries a change of their own may have told git no name yet.
    for name in ("name", "email"):
        _git(["config", f"user.{name}", _GIT_ENVIRONMENT[f"GIT_AUTHOR_{name.upper()}"]], clone)
    _git(["add", "--all"], clone)
    _git(["commit", "--quiet", "--message=Sell tea and cups"], clone)
    _git(["remote", "add", "origin", str(bare)], clone)


def _git(arguments: Sequence[str], cwd: Path) -> str:
    try:
        done = processes.run(
            ["git", *arguments], cwd=cwd, timeout=60,
            env={**_GIT_ENVIRONMENT, "HOME": str(cwd), "USER": "demo"},
        )  # fmt: skip
    except processes.CommandNotFoundError as error:
        raise DemonstrationError("git is not installed; install it and start again.") from error
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip()
        raise DemonstrationError(f"git {arguments[0]} failed: {words}")
    return (done.stdout + done.stderr).decode(errors="replace")
