"""Secrets by reference: a name that pipelines and containers may ask for."""

from django.db import models

from containers.choices import SecretBackend, SecretType
from devops.models import Row


class SecretReference(Row):
    """A named secret of the account; the value is encrypted, bound to this row, never shown."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    backend = models.CharField(
        max_length=10, choices=SecretBackend.choices, default=SecretBackend.BUILTIN
    )
    secret_type = models.CharField(
        max_length=12, choices=SecretType.choices, default=SecretType.PIPELINE
    )
    vault_path = models.CharField(max_length=500, null=True, blank=True)  # noqa: DJ001
    encrypted_value = models.TextField(blank=True)
    value_version = models.PositiveIntegerField(default=1)
    rotated_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(
        "devops.User", on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="secret_name_once"),
            models.CheckConstraint(
                condition=models.Q(backend__in=SecretBackend.values), name="secret_backend"
            ),
        ]

    def __str__(self) -> str:
        return self.name
