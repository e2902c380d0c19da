"""Runs of strangers that waited before there were gates are found in the inbox."""

import importlib

import pytest
from django.apps import apps

from pipelines.models import ApprovalGate
from tests.factories.pipelines import RunFactory

pytestmark = pytest.mark.django_db


def test_a_stranger_who_waits_already_gets_a_question_once() -> None:
    module = importlib.import_module("pipelines.migrations.0005_ask_about_waiting_strangers")
    run = RunFactory.create(status="pending", waiting_for="trust")
    RunFactory.create(status="queued", waiting_for="worker")

    for _ in range(2):
        module.ask(apps, None)

    gate = ApprovalGate.objects.get()
    assert (gate.run_id, gate.kind, gate.status, gate.is_open) == (run.pk, "trust", "pending", True)
