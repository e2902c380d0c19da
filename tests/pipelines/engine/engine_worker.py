"""A worker process without a broker: the engine's pool and one step type that parks."""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "powernode.settings")

import django

django.setup()

from django.utils import timezone

from pipelines.engine.pool import EnginePool
from pipelines.operations.sweeps import sweep
from pipelines.step_types import StepType
from pipelines.steps import registry
from pipelines.steps.base import Config, Done, Outcome, Parked, StepContext


class Gate:
    """Parks, and writes into the ledger when it goes on."""

    def execute(self, _ctx: StepContext) -> Outcome:
        return Parked("external", "far", timezone.now() + timedelta(hours=1), "Waits.")

    def resume(self, ctx: StepContext, _ref: str, _message: Mapping[str, Any], /) -> Outcome:
        with Path(ctx.environment["LEDGER"]).open("a") as ledger:
            ledger.write("gate\n")
        return Done()

    def cancel(self, _ctx: StepContext, _ref: str) -> None:
        """Nothing runs outside."""


def register_gate() -> None:
    """Enter the step type."""
    kind = StepType(
        name="gate", title="Gate", summary="Waits.", config_model=Config, outputs={},
        effect="external", example={},
    )  # fmt: skip
    registry.register(kind, Gate())


def main() -> None:
    """Serve until SIGTERM."""
    register_gate()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    pool = EnginePool(sys.argv[1], [], 4, os.getpid())
    pool.start()
    while not ended.wait(0.2):
        # What beat does where there is a broker.
        sweep()
        pool.take()
    pool.stop()


if __name__ == "__main__":
    main()
