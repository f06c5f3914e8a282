"""The tree keeps its layers, and the rules bite: each is shown a violation in a tree of one file."""

from pathlib import PurePosixPath

import pytest

from tests.architecture.layers import Layer, find_layer, find_violations
from tests.architecture.source_tree import ROOT, Module, read_modules


def test_every_module_keeps_its_layer() -> None:
    found = find_violations(read_modules(ROOT))
    assert not found, "\n".join(["", *map(str, found)])


def test_the_walk_sees_the_tree() -> None:
    paths = {str(module.path) for module in read_modules(ROOT)}
    assert {"platform_assets/core/errors.py", "tests/architecture/test_layers.py"} <= paths
    assert not [path for path in paths if ".venv" in path]


def test_private_parts_of_dagster_are_imported_in_one_place() -> None:
    """The webserver's command line is replaced where it starts."""
    found = {
        str(module.path)
        for module in read_modules(ROOT)
        for _, name in module.imports()
        if name.startswith("dagster._") and module.path.parts[0] != "tests"
    }
    assert found == {"resources/dagster/private.py", "platform_assets/webserver/__main__.py"}


VIOLATIONS = [
    ("platform_assets/core/engine/run.py", "import dagster as dg", "Dagster is for glue"),
    ("platform_assets/games/plan.py", "from dagster import asset", "Dagster is for glue"),
    ("platform_assets/games/plan.py", "def f():\n    import dagster_aws.s3", "Dagster is for glue"),
    ("platform_assets/demo/games.py", "import dagster", "Dagster is for glue"),
    ("resources/http/client.py", "import dagster", "resources/dagster/"),
    ("api/app.py", "import dagster", "Dagster is for glue"),
    ("platform_assets/core/engine/run.py", "import platform_assets.games.plan", "core imports"),
    ("platform_assets/core/engine/run.py", "from platform_assets import settings", "core imports"),
    ("platform_assets/core/engine/run.py", "from resources import caps", "core imports"),
    ("platform_assets/games/plan.py", "from resources.caps.limits import CAPS", "a domain imports"),
    (
        "platform_assets/games/plan.py",
        "from platform_assets.tags.shards.dealing import cut",
        "Protocol",
    ),
    ("platform_assets/games/plan.py", "from platform_assets import tags", "composes domains"),
    ("platform_assets/games/plan.py", "import platform_assets.settings", "a domain imports"),
    (
        "platform_assets/products/platforms/a.py",
        "from platform_assets import games",
        "a domain imports",
    ),
    (
        "resources/state/ledger.py",
        "from platform_assets.games import plan",
        "an adapter in resources",
    ),
    (
        "resources/caps/limits.py",
        "from platform_assets.settings import Settings",
        "an adapter in resources",
    ),
    (
        "platform_assets/tenants/decide.py",
        "from platform_assets.tenants.state import rows",
        "a domain imports its own edge",
    ),
    (
        "platform_assets/tenants/state/rows.py",
        "from platform_assets.ranks.tracking import Tracking",
        "a pipeline's state imports",
    ),
    ("platform_assets/ranks/state/days.py", "import dagster", "Dagster is for glue"),
    ("platform_assets/settings.py", "import resources.caps.limits", "settings imports"),
    ("platform_assets/games/assets.py", "from sandbox.igdb import server", "glue imports"),
    ("sensors/tenants.py", "import tests.fakes", "glue imports"),
    ("sandbox/igdb/server.py", "from platform_assets.core import units", "the sandbox imports"),
    ("sandbox/igdb/server.py", "import resources", "the sandbox imports"),
    (
        "platform_assets/games/plan.py",
        "import os\nKEY = os.environ['KEY']",
        "plan.py:2: a domain reads the env",
    ),
    ("resources/caps/limits.py", "from os import getenv", "settings.py"),
    ("sensors/tenants.py", "import os\nKEY = os.getenv('KEY')", "glue reads the environment"),
    (
        "platform_assets/tags/assets.py",
        "from __future__ import annotations",
        "annotations from the future",
    ),
    ("platform_assets/games/utils.py", "", "`utils` names a drawer"),
    ("tests/helpers/ledger.py", "", "`helpers` names a drawer"),
    ("scripts/once.py", "", "no layer holds this file"),
    ("platform_assets/stray.py", "", "no layer holds this file"),
]


@pytest.mark.parametrize(("path", "text", "said"), VIOLATIONS)
def test_a_violation_is_reported_with_its_file_rule_and_place(
    path: str, text: str, said: str
) -> None:
    found = find_violations([Module(PurePosixPath(path), text)])
    assert len(found) == 1
    assert str(found[0]).startswith(f"{path}:")
    assert said in str(found[0])


ALLOWED = [
    ("platform_assets/core/engine/run.py", "from platform_assets.core.engine.units import Unit"),
    (
        "platform_assets/games/plan.py",
        "from platform_assets.core import units\nimport platform_assets.games.query",
    ),
    ("platform_assets/games/plan.py", "from platform_assets.games import query"),
    ("platform_assets/products/platforms/a.py", "from platform_assets.products.scan import scan"),
    (
        "resources/state/ledger.py",
        "from resources.state import tables\nfrom platform_assets.core import units",
    ),
    (
        "resources/caps/resource.py",
        "import dagster as dg\nfrom platform_assets.settings import Settings",
    ),
    (
        "platform_assets/games/assets.py",
        "import dagster as dg\nfrom resources.igdb.client import open_igdb",
    ),
    (
        "platform_assets/definitions.py",
        "import sensors.tenants\nfrom platform_assets.games import assets",
    ),
    (
        "platform_assets/tenants/state/rows.py",
        "from platform_assets.tenants.tenant import Tenant\nfrom resources.state import tables",
    ),
    (
        "platform_assets/ranks/open.py",
        "import resources.naver.http\nfrom platform_assets import settings",
    ),
    ("platform_assets/settings.py", "import os\nKEY = os.environ['KEY']"),
    (
        "platform_assets/demo/games.py",
        "from sandbox.igdb import server\nimport resources.caps.limits",
    ),
    ("benchmarks/engine.py", "import os\nimport dagster\nKEY = os.environ['KEY']"),
]


@pytest.mark.parametrize(("path", "text"), ALLOWED)
def test_what_the_layers_allow_is_not_reported(path: str, text: str) -> None:
    assert find_violations([Module(PurePosixPath(path), text)]) == []


@pytest.mark.parametrize(
    ("path", "layer"),
    [
        ("platform_assets/assets.py", Layer.GLUE),
        ("platform_assets/games/deep/checks.py", Layer.GLUE),
        ("platform_assets/core/engine/units.py", Layer.CORE),
        ("platform_assets/games/__init__.py", Layer.DOMAIN),
        ("platform_assets/__init__.py", Layer.CORE),
        ("resources/state/tables_resource.py", Layer.RESOURCE),
        ("resources/objects/resource.py", Layer.GLUE),
        ("resources/dagster/runs.py", Layer.GLUE),
        ("migrations/versions/0001.py", Layer.MIGRATION),
        ("setup.py", None),
    ],
)
def test_a_path_has_one_layer(path: str, layer: Layer | None) -> None:
    assert find_layer(PurePosixPath(path)) is layer
