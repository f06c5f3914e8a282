"""The layers, and what each may import. `find_violations` is pure: modules in, findings out.

    core <- resources <- a pipeline's state <- services <- glue, api <- definitions <- entry points
    core <- domains   <-                                                                sandbox stands apart

Style that ruff can check is ruff's; the rules about docs and sizes are next door.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from tests.architecture.source_tree import Module


class Layer(StrEnum):
    CORE = "core"
    DOMAIN = "a domain"
    RESOURCE = "an adapter in resources"
    STATE = "a pipeline's state"
    GLUE = "glue"
    SETTINGS = "settings"
    ASSEMBLY = "the assembly"
    API = "the API"
    ENTRY = "an entry point"
    MIGRATION = "a migration"
    SANDBOX = "the sandbox"
    OUTSIDE = "outside"


# The first match wins.
LAYERS = (
    ("platform_assets/__init__.py", Layer.CORE),
    ("platform_assets/definitions.py", Layer.GLUE),
    ("platform_assets/partitions.py", Layer.GLUE),
    ("platform_assets/settings.py", Layer.SETTINGS),
    ("platform_assets/services.py", Layer.ASSEMBLY),
    ("platform_assets/*/open.py", Layer.ASSEMBLY),
    ("platform_assets/http_services.py", Layer.ASSEMBLY),
    ("platform_assets/command_line.py", Layer.ASSEMBLY),
    ("platform_assets/demo/**", Layer.ENTRY),
    ("platform_assets/webserver/__main__.py", Layer.GLUE),  # Dagster's own command lines
    ("platform_assets/**/__main__.py", Layer.ENTRY),
    ("platform_assets/tags/task.py", Layer.ENTRY),
    ("platform_assets/tags/service.py", Layer.ENTRY),
    ("platform_assets/**/assets.py", Layer.GLUE),
    ("platform_assets/**/checks.py", Layer.GLUE),
    ("platform_assets/**/jobs.py", Layer.GLUE),
    ("platform_assets/**/glue.py", Layer.GLUE),
    ("platform_assets/*/runs.py", Layer.GLUE),
    ("platform_assets/core/**", Layer.CORE),
    ("platform_assets/*/state/**", Layer.STATE),
    ("platform_assets/*/**", Layer.DOMAIN),
    ("resources/dagster/**", Layer.GLUE),
    ("resources/**/resource.py", Layer.GLUE),
    ("resources/**", Layer.RESOURCE),
    ("sensors/**", Layer.GLUE),
    ("api/**", Layer.API),
    ("migrations/**", Layer.MIGRATION),
    ("sandbox/**", Layer.SANDBOX),
    ("benchmarks/**", Layer.OUTSIDE),
    ("deploy/**", Layer.OUTSIDE),
    ("tests/**", Layer.OUTSIDE),
)
GLUE_HOME = (
    "definitions.py, partitions.py, assets.py, checks.py, jobs.py, glue.py, sensors/, resources/dagster/ "
    "or a resource.py of resources"
)
OURS = (
    "platform_assets",
    "resources",
    "sensors",
    "api",
    "migrations",
    "sandbox",
    "benchmarks",
    "tests",
)
PRODUCTION = ("platform_assets", "resources", "sensors", "api", "migrations")
# Dotted names of ours that a layer may import; what joins layers: all of production.
ALLOWED = {
    Layer.CORE: ("platform_assets.core",),
    Layer.SETTINGS: ("platform_assets.core",),
    Layer.DOMAIN: ("platform_assets.core",),
    Layer.RESOURCE: (
        "platform_assets.core",
        "resources",
        "migrations",
    ),
    # A repository stores its pipeline's values, and changes them by the pipeline's own pure functions (docs/adr/0014).
    Layer.STATE: ("platform_assets.core", "resources", "migrations"),
    Layer.MIGRATION: ("platform_assets.core", "resources", "migrations"),
    Layer.GLUE: PRODUCTION,
    Layer.ASSEMBLY: PRODUCTION,
    Layer.API: PRODUCTION,
    Layer.ENTRY: (*PRODUCTION, "sandbox"),
    # A clock and the error tree are no wire format; everything else the sandbox must know by itself.
    Layer.SANDBOX: ("sandbox", "platform_assets.core.clock", "platform_assets.core.errors"),
}
POINT_THERE = "Production code needs no sandbox, benchmark or test: point it there by configuration"
ADVICE = {
    Layer.CORE: "Core knows nobody: move what both need into core, or this module to the layer that it needs",
    Layer.SETTINGS: "Settings are values: what uses them belongs in glue",
    Layer.DOMAIN: "State the need as a Protocol beside the function; glue passes the adapter in, and composes domains",
    Layer.RESOURCE: "Shared values belong in platform_assets/core; what joins adapter and domain belongs in glue",
    Layer.STATE: "A pipeline's tables know its values only; what joins pipelines belongs in glue",
    Layer.MIGRATION: "A migration knows the tables only",
    Layer.GLUE: POINT_THERE,
    Layer.ASSEMBLY: POINT_THERE,
    Layer.API: POINT_THERE,
    Layer.ENTRY: "What only tests or benchmarks need belongs there",
    Layer.SANDBOX: "The sandbox speaks the wire format by itself, or it would agree with our mistakes",
}
EDGES = frozenset({"assets", "checks", "glue", "jobs", "open", "runs", "state"})
DRAWERS = frozenset({"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"})


@dataclass(frozen=True, slots=True)
class Violation:
    path: PurePosixPath
    line: int
    rule: str
    belongs: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}. {self.belongs}."


def find_violations(modules: Iterable[Module]) -> list[Violation]:
    return [found for module in modules for found in check_module(module)]


def check_module(module: Module) -> Iterator[Violation]:
    yield from check_name(module)
    layer = find_layer(module.path)
    if layer is None:
        yield Violation(
            module.path,
            1,
            "no layer holds this file",
            "Name its layer in tests/architecture/layers.py",
        )
    elif layer is not Layer.OUTSIDE:
        yield from check_imports(module, layer)
        yield from check_environment(module, layer)


def find_layer(path: PurePosixPath) -> Layer | None:
    return next(
        (layer for pattern, layer in LAYERS if covers(pattern.split("/"), path.parts)), None
    )


def covers(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether a pattern holds a path: `*` within one part, `**` over any number of them, at the end at least one."""
    if not pattern or not parts:
        return not pattern and not parts
    head, rest = pattern[0], pattern[1:]
    if head == "**":
        return not rest or covers(rest, parts) or covers(pattern, parts[1:])
    return fnmatchcase(parts[0], head) and covers(rest, parts[1:])


def check_name(module: Module) -> Iterator[Violation]:
    for part in (*module.path.parts[:-1], module.path.stem):
        if part in DRAWERS:
            yield Violation(
                module.path,
                1,
                f"`{part}` names a drawer",
                "Name the noun that it holds, or move each piece",
            )


def check_imports(module: Module, layer: Layer) -> Iterator[Violation]:
    for line, name in module.imports():
        if layer is not Layer.GLUE and name.split(".")[0].startswith("dagster"):
            rule = f"{layer} imports `{name}`, and Dagster is for glue"
            yield Violation(module.path, line, rule, f"It belongs in {GLUE_HOME}")
        elif layer is Layer.GLUE and name == "__future__.annotations":
            rule = "glue imports annotations from the future, which breaks Dagster's `context:` when it loads"
            yield Violation(module.path, line, rule, "Quote the one forward reference instead")
        elif is_under(name, OURS) and not is_under(name, home_of(module.path, layer)):
            yield Violation(module.path, line, f"{layer} imports `{name}`", ADVICE[layer])
        elif layer is Layer.DOMAIN and is_edge(name):
            rule = f"{layer} imports its own edge, `{name}`"
            yield Violation(module.path, line, rule, ADVICE[layer])


def is_edge(name: str) -> bool:
    """Whether a dotted name is of a pipeline's file that knows SQL, Dagster or the settings."""
    parts = name.split(".")
    return parts[0] == "platform_assets" and parts[1] != "core" and bool(EDGES & {*parts[2:3]})


def home_of(path: PurePosixPath, layer: Layer) -> tuple[str, ...]:
    own = (".".join(path.parts[:2]),) if layer in {Layer.DOMAIN, Layer.STATE} else ()
    return (*ALLOWED[layer], *own)


def is_under(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def check_environment(module: Module, layer: Layer) -> Iterator[Violation]:
    if layer is Layer.SETTINGS:
        return
    readings = [
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"environ", "environb", "getenv", "getenvb"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    ]
    readings += [line for line, name in module.imports() if name in {"os.environ", "os.getenv"}]
    for line in readings:
        yield Violation(
            module.path,
            line,
            f"{layer} reads the environment",
            "Make it a field of platform_assets/settings.py",
        )
