"""Templates keep their versions, beginning with what is published now."""

import devops.ids
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def begin(apps, _editor):
    template_model = apps.get_model("pipelines", "PipelineTemplate")
    version_model = apps.get_model("pipelines", "PipelineTemplateVersion")
    for row in template_model.objects.filter(status="published"):
        moment = row.published_at or row.created_at
        is_approved = row.marketplace_status == "approved"
        version_model.objects.create(
            template=row,
            version=row.version,
            pipeline_definition={
                **row.pipeline_definition,
                "triggers": row.triggers,
                "timeout_minutes": row.timeout_minutes,
                "steps": row.pipeline_definition.get("steps", []),
            },
            default_variables=row.default_variables,
            published_at=moment,
            approved_at=(row.marketplace_approved_at or moment) if is_approved else None,
        )


class Migration(migrations.Migration):

    dependencies = [
        ('pipelines', '0009_known_tests'),
    ]

    operations = [
        migrations.AddField(
            model_name='pipelinetemplate',
            name='changelog',
            field=models.TextField(blank=True),
        ),
        migrations.CreateModel(
            name='TemplateInstallation',
            fields=[
                ('id', models.UUIDField(default=devops.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('template_name', models.CharField(max_length=200)),
                ('version', models.CharField(max_length=40)),
                ('variables', models.JSONField(default=dict)),
                ('definition', models.JSONField()),
                ('pipeline', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='installation', to='pipelines.pipeline')),
                ('template', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='pipelines.pipelinetemplate')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='PipelineTemplateVersion',
            fields=[
                ('id', models.UUIDField(default=devops.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('version', models.CharField(max_length=40)),
                ('pipeline_definition', models.JSONField()),
                ('default_variables', models.JSONField(default=dict)),
                ('changelog', models.TextField(blank=True)),
                ('published_at', models.DateTimeField()),
                ('approved_at', models.DateTimeField(null=True)),
                ('template', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='pipelines.pipelinetemplate')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('template', 'version'), name='template_version_once')],
            },
        ),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
