"""Reading plans of faults, whatever a sandbox's plan holds: what is wrong is refused with the file and the place."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from platform_assets.core.errors import RefusedError

Plan = TypeVar("Plan")


def decode_plan(
    data: bytes,
    source: str,
    kind: type[Plan],
    list_rates: Callable[[Plan], Iterable[Mapping[Any, float]]],
) -> Plan:
    """Reads and checks a plan.

    Args:
        data: JSON.
        source: Names it in errors.
        kind: What it is to be; its module describes the keys.
        list_rates: The groups of rates of a plan, each of which adds up to 1 at most.

    Raises:
        RefusedError: It is not JSON, has an unknown key or a value out of range.
    """
    try:
        plan = msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        described = f"{kind.__module__.replace('.', '/')}.py"
        raise RefusedError(f"{source}: {error}; see {described}") from error
    if any(sum(rates.values()) > 1 for rates in list_rates(plan)):
        raise RefusedError(f"{source}: the rates add up to more than 1; lower them")
    return plan


def read_plan(path: Path, decode: Callable[[bytes, str], Plan]) -> Plan:
    """Reads and checks a file of a plan.

    Args:
        path: The file.
        decode: Reads what is in it; its second argument names the file.

    Raises:
        RefusedError: It is not there, or wrong.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RefusedError(f"cannot read the faults file {path}: {error.strerror}") from error
    return decode(data, f"faults file {path}")
