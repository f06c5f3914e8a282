"""`python -m platform_assets.ranks`: registers, lists, pauses, resumes and ends trackings, and prints their history.

What captures every day is Dagster: `dagster job execute -j daily_ranks`.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial

from platform_assets.command_line import run_command
from platform_assets.core.engine.loop_thread import LoopThread
from platform_assets.ranks.history import write_csv, write_json_lines
from platform_assets.ranks.result_page import RankType
from platform_assets.ranks.state.trackings import TrackingFilter
from platform_assets.ranks.tracking import Tracking, TrackingStatus
from platform_assets.services import Services

STATUSES = {
    "pause": TrackingStatus.PAUSED,
    "resume": TrackingStatus.ACTIVE,
    "end": TrackingStatus.ENDED,
}


def main(arguments: Sequence[str]) -> int:
    """Runs one command; returns 0, or 1 with the reason on standard error."""
    asked = _parser().parse_args(arguments)
    return run_command(partial(asked.run, asked))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m platform_assets.ranks", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    new = commands.add_parser("register", help="track a target, and capture its first rank now")
    new.add_argument("rank_type", choices=list(RankType))
    new.add_argument("keyword")
    new.add_argument("target", help="URL of the post or place in any form, or a place's number")
    new.add_argument("--customer", required=True)
    new.add_argument("--later", action="store_true", help="leave the first rank to the next day")
    new.set_defaults(run=_register)
    listing = commands.add_parser("list", help="print trackings")
    listing.add_argument("--customer")
    listing.add_argument("--status", choices=list(TrackingStatus))
    listing.set_defaults(run=_list)
    for name, status in STATUSES.items():
        change = commands.add_parser(name, help=f"make a tracking {status}")
        change.add_argument("tracking_id", type=int)
        change.set_defaults(run=_change, status=status)
    history = commands.add_parser("history", help="print the ranks of a tracking")
    history.add_argument("tracking_id", type=int)
    history.add_argument("--format", choices=["csv", "json"], default="csv")
    history.set_defaults(run=_history)
    return parser


def _register(asked: argparse.Namespace, services: Services) -> Iterator[str]:
    tracking = services.ranks.register(asked.rank_type, asked.keyword, asked.target, asked.customer)
    yield _describe(tracking)
    if asked.later:
        return
    with LoopThread() as loop:
        captured = loop.call(services.ranks.capture_first(tracking.tracking_id))
    for record in captured.records:
        rank = record.capture.rank
        yield f"{captured.day}: {'not exposed' if rank is None else f'rank {rank}'}, session {record.session_number}"
    for failure in captured.failures:
        yield f"{captured.day}: not captured ({failure.kind}): {failure.message}"
    if captured.left:
        yield f"{captured.day}: not captured yet, the next run of the day does it"


def _list(asked: argparse.Namespace, services: Services) -> Iterator[str]:
    wanted = TrackingFilter(customer=asked.customer, status=asked.status)
    for tracking in services.ranks.trackings.list(wanted):
        yield _describe(tracking)


def _change(asked: argparse.Namespace, services: Services) -> Iterator[str]:
    yield _describe(services.ranks.trackings.set_status(asked.tracking_id, asked.status))


def _history(asked: argparse.Namespace, services: Services) -> Iterator[str]:
    services.ranks.trackings.get(asked.tracking_id)
    records = services.ranks.histories.read(asked.tracking_id)
    text = write_csv(records) if asked.format == "csv" else write_json_lines(records)
    yield from text.splitlines()


def _describe(tracking: Tracking) -> str:
    return (
        f"{tracking.tracking_id:>6}  {tracking.status:<6}  session {tracking.current_session:<4} "
        f"{tracking.rank_type:<5}  {tracking.customer}  {tracking.keyword!r}  {tracking.target}"
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
