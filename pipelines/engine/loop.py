"""The life of a claimed run, top to bottom: each stage in order, then the verdict."""

import logging
import shutil
import uuid

from devops.connections import release_connection
from devops.errors import Fenced
from pipelines.choices import STEP_TERMINAL, Phase, RunStatus
from pipelines.engine import boundary
from pipelines.engine.control import RunControl
from pipelines.engine.parallel import SideBySide
from pipelines.engine.serial import take_alone
from pipelines.engine.session import Session
from pipelines.engine.turn import Turn
from pipelines.engine.views import Stage, stage_as_it_is
from pipelines.engine.workspace import Workspace
from pipelines.models import Worker

logger = logging.getLogger(__name__)


def execute_run(run_id: uuid.UUID, worker: Worker, control: RunControl) -> None:
    """Take a run that was given to this worker as far as it goes.

    Ends when the run is over, waits for something outside, was taken over, or the worker stops.
    Whatever happens here, the rows say what is left to do.
    """
    lease = boundary.claim(run_id, worker.pk, worker.host)
    if lease is None:
        return
    try:
        session = Session.load(lease, worker)
        session.recall_secrets()
        if lease.cancel_requested:
            # The predecessor heard it; it must not hit the steps that run after a cancel.
            control.stop("cancelled")
        release_connection()
        _execute(Turn(session, control, Workspace.of(run_id)))
    except Fenced as fenced:
        logger.info("run %s is no longer ours: %s", run_id, fenced)


def _execute(turn: Turn) -> None:
    """Go through the stages; a parked or released run is simply left."""
    # What a predecessor left: its commands are ended, the folders are there.
    turn.workspace.prepare()
    turn.workspace.end_orphans()
    over: Stage = []
    for stage in (*turn.session.stages(Phase.MAIN), *turn.session.stages(Phase.FINALLY)):
        if not _is_over(stage):
            if over and turn.session.lease.fence > 1:
                # The predecessor may have died before it could keep what the stage left.
                turn.catch_up(over)
            if not _take(turn, stage):
                return
            over = []
        else:
            over = stage
    turn.note_cancel()
    boundary.finish(turn.session.lease, turn.moves, turn.session.verdict(), warnings=turn.warnings)
    _tidy(turn)


def _take(turn: Turn, stage: Stage) -> bool:
    """Take a stage to its end; false when the run must be left here."""
    is_done = take_alone(turn, stage[0]) if len(stage) == 1 else SideBySide(turn, stage).take()
    if is_done:
        turn.keep_workspace(stage_as_it_is(turn.session.executions, stage))
    return is_done


def _is_over(stage: Stage) -> bool:
    return all(row.status in STEP_TERMINAL for row in stage)


def _tidy(turn: Turn) -> None:
    """The run is over: its scratch files go, its working folder stays for retries."""
    for folder in ("tmp", "steps"):
        shutil.rmtree(turn.workspace.root / folder, ignore_errors=True)
    if turn.session.run.status == RunStatus.SUCCESS:
        turn.workspace.clear()
