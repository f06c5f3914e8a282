"""`look`: everything that a decision rests on, read once: tenants, months, what runs have in hand, what sources say.

The decision itself is `decide.py`; nothing is changed here.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime
from typing import Protocol

from platform_assets.tenants.cycle import SourceOpener
from platform_assets.tenants.decide import Facts, open_months
from platform_assets.tenants.tenant import MonthStatus, Tenant, TenantMonth, TenantType

PEEK_SECONDS = 20.0
"""Time for asking sources whether they have new events; one that does not answer in it counts as having some."""

PEEK_THREADS = 8
"""Sources that are asked at the same time."""


class AllReader(Protocol):
    """Reads every tenant and month."""

    def read_all(self) -> tuple[list[Tenant], list[TenantMonth]]:
        """All of them, as of one moment."""
        ...


def look(
    reader: AllReader,
    sources: SourceOpener,
    busy: Collection[str],
    *,
    now: datetime,
    grace_days: int,
) -> Facts:
    """The facts for one decision.

    Args:
        reader: Tenants and months as stored.
        sources: Opens tenants' events.
        busy: Ids of the tenants that a queued or running run has in hand.
        now: Aware UTC.
        grace_days: Days that a month stays open after its end.
    """
    tenants, months = reader.read_all()
    running = {month.tenant_id for month in months if month.status is MonthStatus.RUNNING}
    in_hand = frozenset(busy)
    ask = [
        (tenant, open_months(tenant, now, grace_days))
        for tenant in tenants
        if tenant.active
        and tenant.tenant_type is TenantType.EXISTING
        and tenant.tenant_id not in in_hand
    ]
    return Facts(
        tenants=tenants,
        months=months,
        now=now,
        busy=in_hand,
        fingerprints=peek(sources, ask, _watermarks(months)),
        running=len(running),
        queued=len(in_hand - running),
    )


def peek(
    sources: SourceOpener,
    ask: Sequence[tuple[Tenant, Sequence[str]]],
    watermarks: Mapping[tuple[str, str], str | None],
    seconds: float = PEEK_SECONDS,
) -> dict[tuple[str, str], str]:
    """Fingerprints of open months that were processed before; what a source does not tell in time is left out."""
    wanted = [
        (tenant, month)
        for tenant, months in ask
        for month in months
        if watermarks.get((tenant.tenant_id, month)) is not None
    ]
    if not wanted:
        return {}
    pool = ThreadPoolExecutor(min(PEEK_THREADS, len(wanted)), thread_name_prefix="peek")
    asked = {pool.submit(_ask(sources, *pair)): pair for pair in wanted}
    told, _ = wait(asked, seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    answers = {(asked[future][0].tenant_id, asked[future][1]): future.result() for future in told}
    return {key: answer for key, answer in answers.items() if answer is not None}


def _ask(sources: SourceOpener, tenant: Tenant, month: str) -> Callable[[], str | None]:
    def ask() -> str | None:
        try:
            return sources.open(tenant.source).fingerprint(month)
        except Exception:  # noqa: BLE001 - one source must not end the decision about all tenants
            return None  # it cannot tell: the run that processes the month will say why

    return ask


def _watermarks(months: Sequence[TenantMonth]) -> dict[tuple[str, str], str | None]:
    return {
        (month.tenant_id, month.month): month.watermark
        for month in months
        if month.status is MonthStatus.COMPLETED
    }
