"""`python -m sandbox naver`: the command line, and what it makes of it."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec

from platform_assets.core.clock import Clock, SystemClock
from platform_assets.core.errors import PlatformError
from sandbox.arguments import above_0, at_least, read_share
from sandbox.igdb.latency import Latency
from sandbox.naver.faults import Fault, FaultPlan, decode_faults, read_faults
from sandbox.naver.open_api import QUOTA, Account
from sandbox.naver.pace import Host, PaceRules
from sandbox.naver.real_pages import read_pages
from sandbox.naver.server import Server
from sandbox.naver.upstream import ACCOUNT, Behaviour, Upstream
from sandbox.serving import add_place_options, read_place, serve

_DESCRIPTION = (
    "Naver's result pages and open API on loopback: an order that drifts by day, limits per host, faults on order, "
    "and the truth under /sandbox/truth. Endpoints: see sandbox/naver/server.py."
)
_API_DELAY = 0.1
"""Ten calls a second: not in the guide, which only names the quota; what users of the API report."""


def main(arguments: Sequence[str]) -> int:
    """Serves until SIGTERM or SIGINT.

    Returns:
        0 after a clean stop, 2 if a file named on the command line is missing or wrong.
    """
    options = make_parser().parse_args(arguments)
    try:
        server = make_server(options)
    except PlatformError as error:
        print(f"sandbox naver: {error.message}", file=sys.stderr)
        return 2
    place = read_place(options)
    if options.map_port is not None:
        place = replace(place, ports=(*place.ports, options.map_port))
    asyncio.run(serve(server.make_application(), place, lambda urls: _announce(urls, options)))
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m sandbox naver", description=_DESCRIPTION)
    add_place_options(parser)
    add = parser.add_argument
    add("--map-port", type=int, help="a second port, for the map; all paths are on both")
    add(
        "--day",
        type=_read_day,
        help="the day that it is, YYYY-MM-DD; today's in Asia/Seoul if omitted",
    )
    add("--seed", type=int, default=1)
    add("--data", type=Path, help="folder of real pages, served for their own keywords")
    add("--delay", type=_read_seconds, default=2.0, help="seconds between starts at a host (2)")
    add("--api-delay", type=_read_seconds, default=_API_DELAY, help="the same for the open API")
    add("--slack", type=_read_seconds, default=0.05, help="so much earlier is no violation")
    add("--strict", action="store_true", help="answer a request that is too early with 429")
    told = "violations within 30 delays that lead to block pages (10); 0 for never"
    add("--block-after", type=at_least(0), default=10, help=told)
    add("--block-seconds", type=_read_seconds, default=30.0, help="how long a block lasts")
    add("--quota", type=at_least(0), default=QUOTA, help="calls of the open API in a day")
    add("--client-id", default=ACCOUNT.client_id)
    add("--client-secret", default=ACCOUNT.client_secret)
    add("--latency", type=_read_seconds, default=0.05, help="median latency in seconds")
    add("--faults", type=Path, help="JSON file: see sandbox/naver/faults.py")
    told = "share of the pages that have this fault, over those of --faults"
    add("--fault", type=_read_rate, action="append", default=[], metavar="FAULT=SHARE", help=told)
    told = "so many requests for a page get its fault; 0 for all"
    add("--fault-first", type=at_least(0), help=told)
    return parser


def make_server(options: argparse.Namespace, clock: Clock | None = None) -> Server:
    """The hosts as the command line describes them, and their server.

    Raises:
        RefusedError: A file is missing or wrong.
    """
    pages = PaceRules(
        options.delay,
        slack_seconds=options.slack,
        block_after=options.block_after,
        block_window_seconds=30 * options.delay,
        block_seconds=options.block_seconds,
    )
    # The API has no page to type letters into: it only refuses.
    api = replace(pages, delay_seconds=options.api_delay, slack_seconds=0.0, block_after=0)
    behaviour = Behaviour(
        seed=options.seed,
        rules={**dict.fromkeys(Host, pages), Host.OPENAPI: api},
        strict=options.strict,
        account=Account(options.client_id, options.client_secret),
        quota=options.quota,
        real_pages=read_pages(options.data) if options.data else {},
    )
    upstream = Upstream(
        behaviour,
        latency=Latency(options.latency, options.seed),
        clock=clock or SystemClock(),
        faults=_make_plan(options),
        day=options.day,
    )
    return Server(upstream)


def _make_plan(options: argparse.Namespace) -> FaultPlan:
    plan = read_faults(options.faults) if options.faults else FaultPlan()
    plan = msgspec.structs.replace(plan, rates={**plan.rates, **dict(options.fault)})
    if options.fault_first is not None:
        plan = msgspec.structs.replace(plan, first=options.fault_first)
    return decode_faults(msgspec.json.encode(plan), "--fault")


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("a day is YYYY-MM-DD") from error


def _read_seconds(text: str) -> float:
    value = float(text)
    return value if value == 0 else above_0(float)(text)


def _read_rate(text: str) -> tuple[Fault, float]:
    name, _, share = text.partition("=")
    if name not in set(Fault):
        raise argparse.ArgumentTypeError(f"no fault {name!r}: there are {', '.join(Fault)}")
    return Fault(name), read_share(share or "1")


def describe_place(urls: Sequence[str], account: Account) -> dict[str, object]:
    """Where it listens, and the environment of a platform that uses it.

    Args:
        urls: Of the ports; the map is on the last.
        account: Who may ask the open API.
    """
    settings = {
        "SLUICE_NAVER_URL": urls[0],
        "SLUICE_NAVER_MAP_URL": urls[-1],
        "SLUICE_NAVER_OPENAPI_URL": urls[0],
        "SLUICE_NAVER_CLIENT_ID": account.client_id,
        "SLUICE_NAVER_CLIENT_SECRET": account.client_secret,
    }
    return {"sandbox": "naver", "url": urls[0], "map_url": urls[-1], "environment": settings}


def _announce(urls: Sequence[str], options: argparse.Namespace) -> str:
    return json.dumps(describe_place(urls, Account(options.client_id, options.client_secret)))
