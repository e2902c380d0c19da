"""The settings of an installation that is one process in a temporary folder."""

from pathlib import Path


def local_environment(folder: Path, file: Path) -> dict[str, str]:
    """What the environment must say before the settings are read.

    The file's own folders count as local repositories, so that `checkout` may fetch from the work
    tree that it lies in.
    """
    place = file.resolve().parent
    return {
        "POWERNODE_PROFILE": "embedded",
        "POWERNODE_ROLE": "worker",
        "POWERNODE_VAR": str(folder),
        "POWERNODE_DATABASE_URL": "",
        "POWERNODE_REDIS_URL": "none",
        "POWERNODE_GIT_LOCAL_ROOTS": ",".join(str(path) for path in (place, *place.parents[:-1])),
    }
