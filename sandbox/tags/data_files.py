"""Files of real data."""

from pathlib import Path

from platform_assets.core.errors import RefusedError


def find_file(folder: Path, name: str) -> Path:
    """A file of the data folder.

    Raises:
        RefusedError: It is not there.
    """
    path = folder / name
    if not path.is_file():
        raise RefusedError(f"no {name} in {folder}: name the folder of board data with --data")
    return path
