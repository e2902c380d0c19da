"""Static files with a digest in their name, so that browsers keep them for ever."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ManifestStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped base
    """A file that the manifest lacks keeps its plain name instead of breaking the page."""

    manifest_strict = False
