# pyright: standard
"""The names that users stand on, read where users meet them: Dagster's definitions, tables, commands, the API.

Each area is a tree of dictionaries, lists of names and plain values. Where code moves, only the imports here follow.
"""

import argparse
import ast
import importlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import pytest
from pydantic import SecretStr
from sqlalchemy import URL, inspect

from api.app import assemble_routes, describe_api
from api.problems import KINDS, TYPE_PREFIX
from platform_assets.core.errors import PLATFORM_KINDS
from platform_assets.definitions import build_definitions
from platform_assets.settings import Settings, list_variables
from resources.state.engines import create_state_engine
from resources.state.schema import ensure_schema
from tests.architecture.source_tree import ROOT

GOLDEN = Path(__file__).parent / "golden"
OURS = ("SLUICE_", "CRAWL_")
CODE = ("api", "platform_assets", "resources", "sensors")


def read_area(name: str) -> object:
    """An area as JSON has it, whatever this machine's variables are."""
    with _no_variables():
        return json.loads(json.dumps(AREAS[name]()))


def read_golden(name: str) -> object:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


@contextmanager
def _no_variables() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [it for it in os.environ if it.startswith(OURS)]:
            patch.delenv(name)
        yield


def _read_definitions() -> object:
    with TemporaryDirectory() as folder:
        definitions = build_definitions(Settings(home=Path(folder)))
        repository = definitions.get_repository_def()
        graph = definitions.resolve_asset_graph()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    return {
        "jobs": {job.name: _describe_job(job) for job in jobs},
        "assets": {
            key.to_user_string(): {
                "group": graph.get(key).group_name,
                "partitions": _describe_partitions(graph.get(key).partitions_def),
                "pools": sorted(graph.get(key).pools or ()),
                "checks": sorted(
                    check.name for check in graph.asset_check_keys if check.asset_key == key
                ),
            }
            for key in graph.get_all_asset_keys()
        },
        "schedules": {
            each.name: {"cron": each.cron_schedule, "job": each.job_name, **_describe_start(each)}
            for each in repository.schedule_defs
        },
        "sensors": {
            each.name: {"jobs": sorted(it.job_name for it in each.targets), **_describe_start(each)}
            for each in repository.sensor_defs
        },
    }


def _describe_job(job: dg.JobDefinition) -> object:
    return {
        "run_tags": dict(job.run_tags or {}),
        "partitions": _describe_partitions(job.partitions_def),
    }


def _describe_start(each: dg.ScheduleDefinition | dg.SensorDefinition) -> Mapping[str, object]:
    zone = {"zone": each.execution_timezone} if isinstance(each, dg.ScheduleDefinition) else {}
    return {**zone, "at_first": each.default_status.value}


def _describe_partitions(partitions: dg.PartitionsDefinition | None) -> object:
    match partitions:
        case None:
            return "none"
        case dg.DynamicPartitionsDefinition():
            return f"dynamic: {partitions.name}"
        case dg.TimeWindowPartitionsDefinition():
            return (
                f"{partitions.fmt} at {partitions.cron_schedule} {partitions.timezone} from "
                f"{partitions.start:%Y-%m-%d}, end offset {partitions.end_offset}"
            )
        case dg.MultiPartitionsDefinition():
            return {
                each.name: _describe_partitions(each.partitions_def)
                for each in partitions.partitions_defs
            }
        case _:
            keys = partitions.get_partition_keys()
            return f"static: {len(keys)} from {keys[0]} to {keys[-1]}"


def _read_state() -> object:
    with TemporaryDirectory() as folder:
        url = URL.create("sqlite+pysqlite", database=str(Path(folder) / "state.db"))
        engine = create_state_engine(url)
        ensure_schema(engine, "state.db")
        found = inspect(engine)
        tables = {
            table: {
                "columns": {
                    column["name"]: f"{column['type']}{'' if column['nullable'] else ' NOT NULL'}"
                    for column in found.get_columns(table)
                },
                "key": ", ".join(found.get_pk_constraint(table)["constrained_columns"]),
            }
            for table in found.get_table_names()
        }
        engine.dispose()
    return tables


def _read_settings() -> object:
    defaults = {name: info.get_default() for name, info in Settings.model_fields.items()}
    return {
        variable: _show_default(defaults[field]) for field, variable in list_variables().items()
    }


def _show_default(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _read_api() -> object:
    document = describe_api(assemble_routes())
    schemas = document["components"]["schemas"]
    return {
        "paths": {
            path: {method.upper(): _describe_operation(it) for method, it in operations.items()}
            for path, operations in document["paths"].items()
        },
        "schemas": {name: sorted(it.get("properties", ())) for name, it in schemas.items()},
        "problems": {f"{TYPE_PREFIX}{kind}": status for kind, (status, _) in KINDS.items()},
    }


def _describe_operation(operation: dict) -> object:
    return {
        "statuses": sorted(operation["responses"]),
        "parameters": {
            it["name"]: f"{it['in']}{', required' if it.get('required') else ''}"
            for it in operation.get("parameters", ())
        },
    }


class _ParserFoundError(Exception):
    """What a command would parse its arguments with."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def _read_commands() -> object:
    """Each module of these packages that is a program, by what follows `python -m`."""
    found = {}
    for path in sorted(
        it for top in ("api", "platform_assets") for it in (ROOT / top).rglob("*.py")
    ):
        if '\nif __name__ == "__main__":' in path.read_text(encoding="utf-8"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__main__")] = _describe_command(name)
    return found


def _describe_command(name: str) -> object:
    module = importlib.import_module(name)
    codes = {str(end): code for end, code in getattr(module, "EXIT_CODES", {}).items()}
    exits = {"exit_codes": codes} if codes else {}
    if not hasattr(module, "argparse"):
        return exits
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", _stop)
        with pytest.raises(_ParserFoundError) as caught:
            module.main([])
    return {**_describe_parser(caught.value.parser), **exits}


def _stop(parser: argparse.ArgumentParser, *_: object) -> None:
    raise _ParserFoundError(parser)


def _describe_parser(parser: argparse.ArgumentParser) -> dict[str, object]:
    arguments, commands = {}, {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            commands = {name: _describe_parser(it) for name, it in action.choices.items()}
        elif not isinstance(action, argparse._HelpAction):
            arguments[" ".join(action.option_strings) or action.dest] = _describe_argument(action)
    return {"arguments": arguments, **({"commands": commands} if commands else {})}


def _describe_argument(action: argparse.Action) -> object:
    takes = "nothing" if action.nargs == 0 else str(action.nargs or "one")
    said: dict[str, object] = {"takes": takes, "required": action.required}
    if action.choices is not None:
        said["choices"] = sorted(map(str, action.choices))
    if action.default not in (None, False, []):
        said["default"] = str(action.default)
    return said


def _read_kinds() -> object:
    """Kinds of errors: of the platform's faults, and all that are raised by name."""
    texts = (
        path.read_text(encoding="utf-8") for top in CODE for path in (ROOT / top).rglob("*.py")
    )
    trees = [ast.parse(text) for text in texts if 'kind="' in text]
    raised = {kind for tree in trees for node in ast.walk(tree) for kind in _kinds_of(node)}
    return {"platform_faults": sorted(PLATFORM_KINDS), "raised": sorted(raised)}


def _kinds_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        for keyword in node.keywords if node.func.id.endswith("Error") else ():
            if keyword.arg == "kind" and isinstance(keyword.value, ast.Constant):
                yield str(keyword.value.value)


AREAS: Mapping[str, Callable[[], object]] = {
    "definitions": _read_definitions,
    "state": _read_state,
    "settings": _read_settings,
    "api": _read_api,
    "commands": _read_commands,
    "kinds": _read_kinds,
}
"""Name of a golden file -> what reads it anew."""
