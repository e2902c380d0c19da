"""`.powernode/risk-contract.yml`: which paths are how risky, and what each tier asks for."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from devops.safety.documents import DocumentError, load_yaml
from devops.safety.patterns import GlobSet, PatternError

PATH = ".powernode/risk-contract.yml"


class ContractError(ValueError):
    """The contract cannot be used; the message says where and why."""


class Tier(BaseModel):
    """What changes of these paths ask for."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=40, pattern=r"^[a-z0-9_-]+$")
    paths: list[str] = Field(min_length=1, max_length=200)
    checks: list[str] = Field(
        default_factory=list, max_length=50,
        description="Keys of steps that must have succeeded in the same run.",
    )  # fmt: skip
    approvals: int = Field(0, ge=0, le=20, description="People who approved in the same run.")
    evidence: list[str] = Field(
        default_factory=list, max_length=50,
        description="Names of artifacts that the run must have kept.",
    )  # fmt: skip

    @field_validator("paths")
    @classmethod
    def _are_globs(cls, paths: list[str]) -> list[str]:
        try:
            GlobSet(paths)
        except PatternError as error:
            raise ValueError(str(error)) from error
        return paths


class Contract(BaseModel):
    """Tiers from the riskiest to the least; a path belongs to the first that names it."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, le=1)
    tiers: list[Tier] = Field(min_length=1, max_length=20)


def contract_schema() -> dict[str, Any]:
    """The JSON Schema of the contract."""
    return Contract.model_json_schema()


def read_contract(text: str) -> Contract:
    """Read a contract.

    Raises:
        ContractError: no YAML, or not of the schema.
    """
    try:
        return Contract.model_validate(load_yaml(text))
    except DocumentError as error:
        raise ContractError(f"{PATH}: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = "/".join(str(part) for part in first["loc"]) or "the whole"
        raise ContractError(f"{PATH}: {place}: {first['msg']}") from error


def tier_of(contract: Contract, paths: Sequence[str]) -> Tier | None:
    """The riskiest tier that a change of these paths touches; None where one belongs to none."""
    places = [_place(contract, path) for path in paths]
    if not places or None in places:
        return None
    return contract.tiers[min(place for place in places if place is not None)]


def _place(contract: Contract, path: str) -> int | None:
    for place, tier in enumerate(contract.tiers):
        if GlobSet(tier.paths).matches(path):
            return place
    return None
