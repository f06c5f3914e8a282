# pyright: standard
"""Pool limits come from the table of caps, and what a person has set stays."""

from collections.abc import Iterator

import dagster as dg
import pytest

from resources.caps.limits import CAPS
from resources.dagster.pools import sync_pools


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance with a home of its own: an ephemeral one keeps no pools."""
    with dg.instance_for_test() as instance:
        yield instance


def read_limits(instance: dg.DagsterInstance) -> dict[str, int]:
    limits = instance.event_log_storage.get_pool_limits()
    return {limit.name: limit.limit for limit in limits}


def test_a_fresh_instance_gets_the_limit_of_every_cap(instance: dg.DagsterInstance):
    assert sorted(sync_pools(instance, CAPS.values())) == sorted(CAPS)
    assert read_limits(instance) == {name: cap.pool_limit for name, cap in CAPS.items()}


def test_the_second_time_there_is_nothing_to_do(instance: dg.DagsterInstance):
    sync_pools(instance, CAPS.values())
    assert sync_pools(instance, CAPS.values()) == []


def test_a_limit_that_was_set_by_hand_stays(instance: dg.DagsterInstance):
    instance.event_log_storage.set_concurrency_slots("igdb", 17)
    assert "igdb" not in sync_pools(instance, CAPS.values())
    assert read_limits(instance)["igdb"] == 17


def test_an_instance_without_pools_is_left_alone():
    with dg.DagsterInstance.ephemeral() as instance:
        if not instance.event_log_storage.supports_global_concurrency_limits:
            assert sync_pools(instance, CAPS.values()) == []
        else:
            assert sorted(sync_pools(instance, CAPS.values())) == sorted(CAPS)
