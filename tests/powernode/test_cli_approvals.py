"""`approve` and `reject`: which of a run's questions is meant."""

import pytest

from powernode.cli.approvals import waiting_gate
from powernode.cli.terminal import CommandError
from powernode.clients.api import PowernodeClient
from tests.client import ApiClient
from tests.factories.pipelines import GateFactory, RunFactory
from tests.powernode.in_process import InProcess

pytestmark = pytest.mark.django_db


def test_the_question_of_a_run_is_found_by_its_step(alice: ApiClient) -> None:
    run = RunFactory.create(account=alice.account, status="running")
    facts = {"id": str(run.pk), "run_number": run.run_number, "status": run.status}
    client = PowernodeClient("http://localhost", alice.token, transport=InProcess())

    with pytest.raises(CommandError, match="waits for no approval"):
        waiting_gate(client, facts, "")
    ship = GateFactory.create(step_execution__run=run, step_execution__step_key="ship")
    GateFactory.create(step_execution__run__account=alice.account)
    assert waiting_gate(client, facts, "")["id"] == str(ship.pk)
    with pytest.raises(CommandError, match="does not wait with 'build'"):
        waiting_gate(client, facts, "build")
    other = GateFactory.create(step_execution__run=run, step_execution__step_key="tell")
    with pytest.raises(CommandError, match="several steps"):
        waiting_gate(client, facts, "")
    assert waiting_gate(client, facts, "tell")["id"] == str(other.pk)
