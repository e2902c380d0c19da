"""Assembles the commands; Django is loaded by those that need it, when they need it."""

import typer

from powernode.cli import demo, platform

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Powernode: pipelines, containers, Swarm, git hosts and integrations on your own servers.",
)  # fmt: skip
app.command("up")(platform.up)
app.command("worker")(platform.worker)
app.command("beat")(platform.beat)
app.command("demo")(demo.demo)


def main() -> None:
    """Run the command that was typed."""
    app()
