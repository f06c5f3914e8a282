"""What pyproject.toml asks for, and what of it is installed here."""

import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.source_tree import ROOT


def read_requirements(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for: the runtime set, and the named extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    asked = [project["dependencies"], *(optional[name] for name in extras)]
    return [Requirement(line) for lines in asked for line in lines]


def close_over(requirements: Iterable[Requirement]) -> dict[str, str | None]:
    """Installed versions of the requirements and of all that they need here; None where one is not installed."""
    versions: dict[str, str | None] = {}
    seen: set[str] = set()
    waiting = list(requirements)
    while waiting:
        needed = waiting.pop()
        name = canonicalize_name(needed.name)
        key = f"{name}[{','.join(sorted(needed.extras))}]"
        if key in seen:
            continue
        seen.add(key)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            versions[name] = None
            continue
        versions[name] = found.version
        waiting += [
            child
            for child in map(Requirement, found.requires or [])
            if applies(child, needed.extras)
        ]
    return versions


def applies(child: Requirement, extras: Iterable[str]) -> bool:
    return child.marker is None or any(
        child.marker.evaluate({"extra": extra}) for extra in ("", *extras)
    )
