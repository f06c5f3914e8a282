"""Dagster's pool limits, set from the table of caps.

Dagster has no way to declare them in a project, and a pool without a limit has none at all, silently. A limit that
somebody has set stays: the table fills in what is missing.
"""

from collections.abc import Iterable
from contextlib import suppress

import dagster as dg
from sqlalchemy.exc import IntegrityError

from resources.caps.limits import Cap


def sync_pools(instance: dg.DagsterInstance, caps: Iterable[Cap]) -> list[str]:
    """Sets the limit of every pool that has none; returns their names. Safe to call from many processes."""
    if not instance.event_log_storage.supports_global_concurrency_limits:
        return []
    known = {limit.name for limit in instance.event_log_storage.get_pool_limits()}
    missing = [cap for cap in caps if cap.name not in known]
    for cap in missing:
        with suppress(IntegrityError):  # another process has just set it
            instance.event_log_storage.set_concurrency_slots(cap.name, cap.pool_limit)
    return [cap.name for cap in missing]
