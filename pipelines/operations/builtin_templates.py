"""The templates that come with Powernode, brought up to date with their files."""

import logging
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from devops.safety.documents import dump_yaml, load_yaml
from pipelines.choices import MarketplaceStatus, TemplateStatus
from pipelines.documents import parse, to_definition
from pipelines.linting import lint_text
from pipelines.marketplace.variables import check_declared
from pipelines.models import PipelineTemplate
from pipelines.operations.definitions import DEFINED
from pipelines.operations.template_versions import is_same, present, record_version

logger = logging.getLogger(__name__)
FOLDER = Path(__file__).resolve().parents[1] / "marketplace" / "builtin"


@transaction.atomic
def sync_builtin_templates(folder: Path = FOLDER) -> int:
    """Insert or renew the built-in templates; ratings and counts stay. How many there are.

    Raises:
        ValueError: a file breaks a rule; it names the file and the rule.
    """
    paths = sorted(folder.glob("*.yml"))
    for path in paths:
        _bring(path)
    PipelineTemplate.objects.filter(is_system=True).exclude(
        slug__in=[path.stem for path in paths]
    ).update(status=TemplateStatus.ARCHIVED, is_public=False, is_featured=False)
    return len(paths)


def _bring(path: Path) -> None:
    """What was published under a version stays; a file that says otherwise needs a higher one."""
    fields = template_of(path)
    row = PipelineTemplate.objects.filter(slug=path.stem).first()
    known = row.versions.filter(version=fields["version"]).first() if row else None
    if known is not None:
        if not is_same(known, present(PipelineTemplate(**fields))):
            logger.error("%s differs from its published version %s", path.name, known.version)
            return
        fields["published_at"] = known.published_at
    row, _ = PipelineTemplate.objects.update_or_create(slug=path.stem, defaults=fields)
    record_version(row, approved_at=row.published_at)


def template_of(path: Path) -> dict[str, Any]:
    """The fields of the template in a file."""
    content: Any = load_yaml(path.read_text(encoding="utf-8"))
    about, variables = content["template"], content.get("variables", {})
    text = dump_yaml({"name": about["name"], **content["pipeline"]})
    errors = [found for found in lint_text(text) if found.severity == "error"]
    if errors:
        raise ValueError(f"{path.name}: {errors[0].message}")
    definition = to_definition(parse(text).value)
    check_declared(variables, definition)
    kept = [name for name in DEFINED if name in definition] + ["steps"]
    own = ("name", "description", "triggers", "timeout_minutes")
    return {
        "changelog": "",
        **about,
        "triggers": definition["triggers"],
        "timeout_minutes": definition["timeout_minutes"],
        "pipeline_definition": {name: definition[name] for name in kept if name not in own},
        "default_variables": variables,
        "account": None,
        "status": TemplateStatus.PUBLISHED,
        "is_public": True,
        "is_system": True,
        "is_marketplace_published": True,
        "marketplace_status": MarketplaceStatus.APPROVED,
        "published_at": timezone.now(),
    }
