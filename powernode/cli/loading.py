"""Django, loaded once by the commands that need it."""

from pathlib import Path

from powernode.cli.terminal import USAGE, CommandError
from powernode.configuration import Configuration


def setup_django() -> Configuration:
    """Load Django once and give back the configuration.

    Raises:
        CommandError: the configuration is wrong; the message names the variable.
    """
    import django  # noqa: PLC0415
    from django.apps import apps  # noqa: PLC0415
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415

    try:
        if not apps.ready:
            django.setup()
        from powernode.settings import CONFIGURATION  # noqa: PLC0415
    except (ValueError, ImproperlyConfigured) as error:
        raise CommandError(
            f"The configuration is wrong: {configuration_problem(error)}",
            remedy="`powernode doctor` checks everything; .env.example explains each variable.",
            code=USAGE,
        ) from error
    except OSError as error:
        raise CommandError(
            f"The data folder cannot be used: {error}.",
            remedy="Make it writable, or name another one with POWERNODE_VAR.",
            code=USAGE,
        ) from error
    return CONFIGURATION


def configuration_problem(error: Exception) -> str:
    """What is wrong with which variable, without the values: some are secrets."""
    from pydantic import ValidationError  # noqa: PLC0415

    if not isinstance(error, ValidationError):
        return str(error)
    problems = error.errors(include_url=False, include_input=False)
    return "; ".join(
        f"POWERNODE_{'.'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
        for problem in problems
    )


def plain_configuration() -> Configuration:
    """The variables alone, without Django: enough to find an installation's folder.

    Raises:
        CommandError: a variable is wrong.
    """
    try:
        return Configuration()
    except ValueError as error:
        problem = configuration_problem(error)
        raise CommandError(f"The configuration is wrong: {problem}", code=USAGE) from error


def use_single_connection() -> None:
    """Connect without a pool, which would wait half a minute for a server that is not there."""
    from django.db import connection  # noqa: PLC0415

    options = connection.settings_dict["OPTIONS"]
    if connection.connection is None and options.pop("pool", None) is not None:
        options.setdefault("connect_timeout", 5)


def require_database() -> None:
    """Make sure that the tables are there.

    Raises:
        CommandError: they are not, or the database does not answer.
    """
    from django.db import DatabaseError, connection  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    configuration = setup_django()
    use_single_connection()
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise CommandError(
            f"The database does not answer: {str(error).strip()}.",
            remedy="Check POWERNODE_DATABASE_URL and that the server runs.",
        ) from error
    if pending:
        raise CommandError(
            f"The database of {configuration.var} lacks {len(pending)} migrations.",
            remedy="Start the platform once (`powernode up`), or run `python manage.py migrate`.",
        )


def project_root() -> Path:
    """The folder of the source tree."""
    return Path(__file__).resolve().parent.parent.parent
