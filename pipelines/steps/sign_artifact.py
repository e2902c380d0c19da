"""`sign_artifact`: a detached signature beside a file, checked before the step calls it done."""

from collections.abc import Sequence
from typing import Literal

from django.utils import timezone
from pydantic import Field, model_validator

from pipelines.step_types import StepType
from pipelines.steps.base import Config, Done, Immediate, Outcome, StepContext, StepFailedError
from pipelines.steps.tools import exists_in_workspace, remove_stale, run_tool, workspace_path

_GET = {
    "cosign": "Install sigstore's cosign there.",
    "gpg": "Install GnuPG there (package gnupg).",
}


class SignArtifactConfig(Config):
    """What to sign, with what."""

    artifact_path: str = Field(
        min_length=1,
        max_length=500,
        title="File to sign",
        description="Below the workspace; the signature is put beside it.",
    )
    signer: Literal["cosign", "gpg"] = Field(
        "cosign", title="Program", description="It must be installed where the step runs."
    )
    keyless: bool = Field(
        default=True, title="Without a key", description="cosign by the worker's identity."
    )
    key_path: str = Field(
        "", max_length=500, title="Key",
        description="cosign: a file of the workspace, or env://NAME of a secret's variable.",
    )  # fmt: skip
    public_key_path: str = Field(
        "", max_length=500, title="Public key", description="cosign: to check the signature with."
    )
    gpg_key_id: str = Field(
        "",
        max_length=200,
        pattern="^[^-]|^$",
        title="GPG key",
        description="gpg: id or address of the key.",
    )
    annotations: dict[str, str] = Field(
        default_factory=dict,
        title="Annotations",
        description="cosign: names and texts that are signed, too.",
    )

    @model_validator(mode="after")
    def _has_a_key(self) -> "SignArtifactConfig":
        if self.signer == "gpg" and not self.gpg_key_id:
            raise ValueError("Say with `gpg_key_id` whose key signs.")
        has_both = self.key_path and self.public_key_path
        if self.signer == "cosign" and not self.keyless and not has_both:
            raise ValueError("Without `keyless` set `key_path` and `public_key_path`.")
        return self


TYPE = StepType(
    name="sign_artifact",
    title="Sign an artifact",
    summary="Sign a file with cosign or gpg and check the signature.",
    config_model=SignArtifactConfig,
    outputs={
        "artifact_path": "The file.",
        "signature_path": "Its signature.",
        "signer": "The program.",
        "signed_at": "When.",
        "verification_command": "How others check it.",
    },
    effect="workspace",
    docs=(
        "The signature is checked before the step succeeds. Fails when there is no such "
        "file or key, when the program is not on the worker or ends with an error, and "
        "when the signature is missing or does not verify."
    ),
    example={
        "artifact_path": "dist/app.tar.gz",
        "signer": "gpg",
        "gpg_key_id": "release@example.com",
    },
)


class SignArtifactHandler(Immediate):
    """What was signed and does not verify is a failure."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: SignArtifactConfig = ctx.config
        path = workspace_path(config.artifact_path, "artifact_path")
        if not exists_in_workspace(ctx, path):
            raise StepFailedError(f"There is no file {path!r} to sign.", reason="artifact")
        sign, check, signature = _gpg(config, path) if config.signer == "gpg" else _cosign(
            config, path
        )  # fmt: skip
        remove_stale(ctx, signature)
        self._must(ctx, sign, config.signer, "sign")
        if not exists_in_workspace(ctx, signature):
            text = f"{config.signer} ended well, but there is no signature."
            raise StepFailedError(text, reason="signature")
        self._must(ctx, check, config.signer, "verify")
        ctx.log(f"Signed {path}: {signature}")
        return Done(
            outputs={
                "artifact_path": path,
                "signature_path": signature,
                "signer": config.signer,
                "signed_at": timezone.now().isoformat(),
                "verification_command": " ".join(check),
            }
        )

    def _must(self, ctx: StepContext, arguments: Sequence[str], signer: str, verb: str) -> None:
        result = run_tool(ctx, arguments, remedy=_GET[signer])
        if not result.is_success:
            raise StepFailedError(
                f"{signer} could not {verb} it (exit status {result.exit_code}).",
                reason="signature",
            )


def _gpg(config: SignArtifactConfig, path: str) -> tuple[list[str], list[str], str]:
    signature = f"{path}.asc"
    sign = [
        "gpg", "--batch", "--yes", "--armor", "--local-user", config.gpg_key_id,
        "--output", signature, "--detach-sign", path,
    ]  # fmt: skip
    return sign, ["gpg", "--batch", "--verify", signature, path], signature


def _cosign(config: SignArtifactConfig, path: str) -> tuple[list[str], list[str], str]:
    signature = f"{path}.sig"
    sign = ["cosign", "sign-blob", "--yes", "--output-signature", signature]
    for name, value in config.annotations.items():
        sign += ["--annotations", f"{name}={value}"]
    if config.keyless:
        certificate = f"{path}.pem"
        sign += ["--output-certificate", certificate]
        check = [
            "cosign", "verify-blob", "--signature", signature, "--certificate", certificate,
            "--certificate-identity-regexp", ".*", "--certificate-oidc-issuer-regexp", ".*", path,
        ]  # fmt: skip
        return [*sign, path], check, signature
    key = config.key_path
    if not key.startswith("env://"):
        key = workspace_path(key, "key_path")
    public = workspace_path(config.public_key_path, "public_key_path")
    check = ["cosign", "verify-blob", "--signature", signature, "--key", public, path]
    return [*sign, "--key", key, path], check, signature
