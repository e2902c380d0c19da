"""What the git host is told of a commit as a whole."""

from django.db import models

from devops.models import Row


class CommitCheck(Row):
    """One status for all pipelines of a commit, so that a required check always resolves.

    `skipped` maps ids of pipelines that a filter kept from starting to the filter; `problems` are
    pipeline files that could not be used. `state` and `description` are what the host was last
    told, `version` how often.
    """

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    repository = models.ForeignKey(
        "devops.Repository", on_delete=models.CASCADE, related_name="commit_checks"
    )
    commit_sha = models.CharField(max_length=64)
    skipped = models.JSONField(default=dict)
    problems = models.JSONField(default=list)
    state = models.CharField(max_length=10, blank=True)
    description = models.CharField(max_length=140, blank=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # The commit comes first: lists ask for it alone.
            models.UniqueConstraint(fields=["commit_sha", "repository"], name="commit_check_once"),
        ]

    def __str__(self) -> str:
        return f"{self.commit_sha[:7]}: {self.description}"
