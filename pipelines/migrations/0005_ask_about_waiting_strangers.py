"""Runs of strangers that wait already get the question by which the inbox knows them."""

from django.db import migrations


def ask(apps, _editor):
    run_model = apps.get_model("pipelines", "PipelineRun")
    gate_model = apps.get_model("pipelines", "ApprovalGate")
    waiting = run_model.objects.filter(status="pending", waiting_for="trust")
    for run in waiting.exclude(gates__kind="trust").only("id", "account_id", "commit_sha"):
        gate_model.objects.create(
            account_id=run.account_id, run_id=run.pk, kind="trust", is_open=True,
            commit_sha=run.commit_sha,
        )


class Migration(migrations.Migration):
    dependencies = [("pipelines", "0004_snapshots_and_carried_steps")]

    operations = [migrations.RunPython(ask, migrations.RunPython.noop)]
