"""The repository as files and parsed modules, for the rules to look at."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
BUILT = frozenset({"build", "dist", "node_modules", "__pycache__"})


@dataclass(frozen=True)
class Module:
    """One Python file; `path` is relative to the root of its tree, with slashes."""

    path: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))

    def imports(self) -> Iterator[tuple[int, str]]:
        """(line, dotted name) of each import; `from a import b` gives `a.b`, for b may be a module."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    yield node.lineno, f"{node.module or ''}.{alias.name}"


def read_modules(root: Path) -> list[Module]:
    """Every Python file under `root` outside of hidden and built folders, in order of path."""
    return [
        Module(PurePosixPath(path.relative_to(root).as_posix()), path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob("*.py"))
        if not any(
            part.startswith(".") or part in BUILT or part.endswith(".egg-info")
            for part in path.relative_to(root).parts
        )
    ]


def list_files(root: Path) -> list[PurePosixPath]:
    """What git tracks or would add, relative to `root`. Containers own the checkout as another user, hence -c."""
    listed = subprocess.run(
        [
            "git",
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    names = [PurePosixPath(name) for name in listed.stdout.split("\0") if name]
    return [name for name in names if (root / name).is_file()]
