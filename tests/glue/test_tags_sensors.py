# pyright: standard
"""The tags' sensor: which partitions it adds, what it says, and what it leaves alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from platform_assets.core.errors import TransientError
from platform_assets.definitions import build_definitions
from platform_assets.services import Services
from platform_assets.settings import Settings
from tests.fakes.memory_objects import MemoryObjectStore

SENSOR = "tags_sources"
PARTITIONS = "tenant_sources"


class Store(MemoryObjectStore):
    """An object store that can be away."""

    away = False

    def list(self, prefix: str):
        if self.away:
            raise TransientError("the object store does not answer: look at its network")
        yield from super().list(prefix)


@dataclass
class Rig:
    objects: Store
    services: Services
    instance: dg.DagsterInstance
    definitions: dg.Definitions

    def deliver(self, *keys: str) -> None:
        for key in keys:
            self.objects.put(f"raw/{key}", b"")

    def evaluate(self) -> SensorExecutionData:
        """What the sensor asks for; nothing is done about it."""
        context = dg.build_sensor_context(
            instance=self.instance,
            definitions=self.definitions,
            resources={"services": self.services},
            sensor_name=SENSOR,
        )
        with context:
            return self.definitions.resolve_sensor_def(SENSOR).evaluate_tick(context)

    def tick(self) -> SensorExecutionData:
        """Evaluates it, and adds what it asks for, as the daemon does."""
        tick = self.evaluate()
        for request in tick.dynamic_partitions_requests or ():
            assert isinstance(request, dg.AddDynamicPartitionsRequest)
            assert request.partitions_def_name == PARTITIONS
            self.instance.add_dynamic_partitions(PARTITIONS, request.partition_keys)
        return tick

    @property
    def partitions(self) -> list[str]:
        return sorted(self.instance.get_dynamic_partitions(PARTITIONS))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    services = Services(
        Settings(home=tmp_path, log_file=Path("/dev/null"), tags_sources_seconds=77)
    )
    services.objects = objects = Store()
    with dg.DagsterInstance.ephemeral() as instance:
        definitions = build_definitions(services.settings, {"services": services})
        yield Rig(objects, services, instance, definitions)


def test_it_runs_by_itself_at_the_interval_of_the_settings(rig: Rig):
    sensor = rig.definitions.resolve_sensor_def(SENSOR)
    assert sensor.minimum_interval_seconds == 77
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_without_tables_it_says_that_there_are_none(rig: Rig):
    tick = rig.tick()
    assert tick.skip_message == "0 tenant-sources, all known"
    assert rig.partitions == []


def test_all_new_sources_are_added_at_once_and_named_and_nothing_is_run(rig: Rig):
    rig.deliver("beta/review/a.jsonl", "acme/review/a.csv", "acme/board/a.csv", "acme/board/b.csv")
    tick = rig.tick()
    assert tick.skip_message == "added acme:board, acme:review, beta:review"
    assert tick.run_requests == []
    assert rig.partitions == ["acme:board", "acme:review", "beta:review"]


def test_only_what_is_new_is_added_later(rig: Rig):
    rig.deliver("acme/board/a.csv")
    rig.tick()
    rig.deliver("acme/board/b.csv", "acme/review/a.csv")
    assert rig.tick().skip_message == "added acme:review"
    assert rig.tick().skip_message == "2 tenant-sources, all known"
    assert rig.partitions == ["acme:board", "acme:review"]


def test_a_source_whose_tables_vanished_keeps_its_partition(rig: Rig):
    rig.deliver("acme/board/a.csv", "beta/review/a.csv")
    rig.tick()
    rig.objects.delete("raw/acme/board/a.csv")
    assert rig.tick().skip_message == "1 tenant-sources, all known"
    rig.deliver("gamma/review/a.csv")
    assert rig.tick().skip_message == "added gamma:review"
    assert rig.partitions == ["acme:board", "beta:review", "gamma:review"]


def test_a_folder_that_is_no_source_is_warned_of_and_hides_no_other(
    rig: Rig, capfd: pytest.CaptureFixture[str]
):
    rig.deliver("acme/Bad Name/a.csv", "beta/review/a.csv")
    assert rig.tick().skip_message == "added beta:review"
    assert "WARNING" in (said := capfd.readouterr().err)
    assert "raw/acme/Bad Name/: tenant 'acme', source 'Bad Name'" in said


def test_a_store_that_does_not_answer_fails_the_tick_and_changes_nothing(rig: Rig):
    rig.deliver("acme/board/a.csv")
    rig.tick()
    rig.objects.away = True
    with pytest.raises(dg.Failure) as failure:
        rig.evaluate()
    assert failure.value.description == "the object store does not answer: look at its network"
    assert failure.value.metadata["transient"].value is True
    assert rig.partitions == ["acme:board"]


def test_a_tick_after_one_that_failed_adds_what_came_meanwhile(rig: Rig):
    rig.objects.away = True
    with pytest.raises(dg.Failure):
        rig.evaluate()
    rig.deliver("acme/board/a.csv")
    rig.objects.away = False
    assert rig.tick().skip_message == "added acme:board"
