"""The kernel's resources as JSON."""

from typing import Any

from rest_framework import serializers

from devops.api.serializers import StrictSerializer
from devops.choices import PERMISSIONS, Role
from devops.models import Account, ApiToken, AuditEvent, Invitation, Membership, User


class AccountSerializer(serializers.ModelSerializer[Account]):
    """An account."""

    class Meta:
        model = Account
        fields = ["id", "name", "slug", "is_active", "created_at", "updated_at"]
        read_only_fields = fields


class AccountChanges(StrictSerializer):
    """What may be changed of an account."""

    name = serializers.CharField(max_length=120)


class OwnMembershipSerializer(serializers.ModelSerializer[Membership]):
    """One account of a person."""

    account = AccountSerializer(read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "account", "role"]
        read_only_fields = fields


class PersonSerializer(serializers.ModelSerializer[User]):
    """A person as others see them."""

    class Meta:
        model = User
        fields = ["id", "email", "name"]
        read_only_fields = fields


class ActingSerializer(serializers.Serializer[Any]):
    """How the request is authorised."""

    kind = serializers.ChoiceField(choices=["user", "token", "system"])
    account_id = serializers.UUIDField()
    role = serializers.CharField()
    permissions = serializers.ListField(child=serializers.CharField())


class MeSerializer(serializers.ModelSerializer[User]):
    """The caller."""

    actor = ActingSerializer(read_only=True)
    memberships = OwnMembershipSerializer(many=True, read_only=True, source="live_memberships")

    class Meta:
        model = User
        fields = ["id", "email", "name", "timezone", "is_staff", "actor", "memberships"]
        read_only_fields = fields


class MeChanges(StrictSerializer):
    """What people may change of themselves."""

    name = serializers.CharField(max_length=150, allow_blank=True, required=False)
    timezone = serializers.CharField(max_length=64, allow_blank=True, required=False)


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A member of the account."""

    user = PersonSerializer(read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "user", "role", "created_at", "updated_at"]
        read_only_fields = fields


class NewMember(StrictSerializer):
    """Who joins, and as what."""

    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices)


class RoleChange(StrictSerializer):
    """Another role."""

    role = serializers.ChoiceField(choices=Role.choices)


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """An open invitation."""

    invited_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Invitation
        fields = ["id", "email", "role", "invited_by", "expires_at", "created_at"]
        read_only_fields = fields


class SentInvitationSerializer(InvitationSerializer):
    """A fresh invitation with the address that redeems it, shown this once."""

    accept_url = serializers.CharField(read_only=True)
    is_mailed = serializers.BooleanField(read_only=True)

    class Meta(InvitationSerializer.Meta):
        fields = [*InvitationSerializer.Meta.fields, "accept_url", "is_mailed"]
        read_only_fields = fields


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """An API token without its text."""

    user = PersonSerializer(read_only=True)
    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = ApiToken
        fields = [
            "id",
            "name",
            "prefix",
            "scopes",
            "user",
            "expires_at",
            "last_used_at",
            "created_at",
        ]
        read_only_fields = fields


class NewTokenSerializer(TokenSerializer):
    """A fresh token with its text, shown this once."""

    token = serializers.CharField(read_only=True)

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]
        read_only_fields = fields


class TokenWish(StrictSerializer):
    """What a token is to be called, may do, and until when."""

    name = serializers.CharField(max_length=120)
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=80),
        allow_empty=False,
        max_length=len(PERMISSIONS) + 2,
        help_text="`*`, `read`, or names of permissions.",
    )
    expires_at = serializers.DateTimeField(allow_null=True, default=None)


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """One thing that was done, or refused."""

    detail = serializers.DictField(read_only=True)

    class Meta:
        model = AuditEvent
        fields = [
            "id", "at", "actor_kind", "actor_id", "actor_label", "action", "target_type",
            "target_id", "target_label", "outcome", "detail", "ip_address", "user_agent",
        ]  # fmt: skip
        read_only_fields = fields
