"""How far a day of ranks is: its trackings, what is recorded of them, what failed and why. Only reads."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from api.rank_schemas import DayFailuresOut, RankDayOut
from platform_assets.core.engine.units import UnitState
from platform_assets.ranks.crawl import PAGES_PIPELINE
from platform_assets.ranks.daily import DAILY_PIPELINE, choose_trackings
from platform_assets.ranks.day_state import read_state
from platform_assets.ranks.state.days import DayUnit, SqlRankDays
from platform_assets.ranks.tracking import check_day
from platform_assets.services import Services


def measure_day(services: Services, day: str) -> RankDayOut:
    """The totals of a day.

    Raises:
        PermanentError: kind `bad_day`: it is in the future.
    """
    ranks = services.ranks
    check_day(day, ranks.today)
    units = SqlRankDays(services.state).read_units(day, (PAGES_PIPELINE, DAILY_PIPELINE))
    ranked = {each.capture.tracking_id: each.capture.rank for each in ranks.histories.read_day(day)}
    planned = {int(unit.unit_id) for unit in units if unit.pipeline == DAILY_PIPELINE}
    chosen = choose_trackings(ranks.trackings.list(), day, ranks.today, set(ranked), planned)
    # One that was recorded today and paused since is one of the day's.
    tracked = {each.tracking_id for each in chosen} | ranked.keys()
    failures = find_failures(units)
    named = {int(unit.unit_id) for unit in failures if unit.pipeline == DAILY_PIPELINE}
    failed = (named & tracked) - ranked.keys()
    state = read_state(services.notes, day)
    return RankDayOut(
        day=day,
        tracked=len(tracked),
        recorded=len(ranked),
        exposed=sum(rank is not None for rank in ranked.values()),
        failed=len(failed),
        left=len(tracked) - len(ranked) - len(failed),
        failures=_count(failures),
        tries=state.tries if state else 0,
        reason=state.reason if state else "",
        next_try_at=datetime.fromisoformat(state.next_try_at)
        if state and state.next_try_at
        else None,
    )


def find_failures(units: Iterable[DayUnit]) -> list[DayUnit]:
    """Units that failed and that no plan of the day has done, each once, as it failed last.

    Args:
        units: Of all plans of the day, the newest last.
    """
    failed: dict[tuple[str, str], DayUnit] = {}
    done: set[tuple[str, str]] = set()
    for unit in units:
        key = unit.pipeline, unit.unit_id
        if unit.state is UnitState.FAILED:
            failed[key] = unit
        elif unit.state is UnitState.DONE:
            done.add(key)
    return [unit for key, unit in failed.items() if key not in done]


def _count(failures: Sequence[DayUnit]) -> list[DayFailuresOut]:
    counts = Counter((unit.pipeline, unit.error_kind or "") for unit in failures)
    return [
        DayFailuresOut(pipeline=pipeline, kind=kind or None, units=count)
        for (pipeline, kind), count in sorted(counts.items())
    ]
