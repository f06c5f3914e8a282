import threading

from platform_assets.core.engine.heartbeat import Heartbeat
from platform_assets.core.errors import PlatformError, TransientError
from tests.fakes.clock import FakeClock


class Scene:
    """A heartbeat whose renewals answer as the test says."""

    def __init__(self, lease_seconds: float = 60.0) -> None:
        self.clock = FakeClock()
        self.held = {"a", "b"}
        self.renewed: set[str] | PlatformError = {"a", "b"}
        self.lost: list[set[str]] = []
        self.dead: list[str] = []
        self.beaten = threading.Event()
        self.heartbeat = Heartbeat(
            renew=self.renew,
            held=lambda: set(self.held),
            on_lost=self.lost.append,
            on_dead=lambda error: self.dead.append(str(error)),
            lease_seconds=lease_seconds,
            clock=self.clock,
        )

    def renew(self) -> set[str]:
        self.beaten.set()
        if isinstance(self.renewed, PlatformError):
            raise self.renewed
        return self.renewed


def test_units_that_the_ledger_no_longer_grants_are_told_as_lost():
    scene = Scene()
    scene.heartbeat.beat()
    assert scene.lost == []
    scene.renewed = {"b"}
    scene.heartbeat.beat()
    assert scene.lost == [{"a"}]


def test_one_failed_renewal_is_not_the_end():
    scene = Scene()
    scene.renewed = TransientError("database is away")
    scene.clock.advance(20)
    scene.heartbeat.beat()
    assert (scene.lost, scene.dead) == ([], [])


def test_when_no_renewal_worked_for_a_lease_time_the_run_is_told_once():
    scene = Scene()
    scene.renewed = TransientError("database is away")
    scene.clock.advance(61)
    scene.heartbeat.beat()
    assert scene.dead == ["database is away"]


def test_the_thread_beats_by_itself_and_stops():
    scene = Scene(lease_seconds=0.03)
    scene.heartbeat.start()
    assert scene.beaten.wait(600)
    scene.heartbeat.stop()
    wait_until_gone("sluice-heartbeat")


def wait_until_gone(name: str) -> None:
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(5)
            assert not thread.is_alive()
