"""Granting early by what passes until the write: the writes keep the window, and a surprise costs part of the guard."""

import pytest

from platform_assets.core.engine.units import JsonObject
from resources.caps.limits import Cap
from resources.caps.messages import Answer, Granted, Visit, Wait
from resources.caps.window import decide_visit

CAP = Cap("test", 2, 1.0, 8, 1, None, "test", guard=0.02)


class Scene:
    """One process that asks; the request of each grant is written `lag` seconds after it."""

    def __init__(self, lead: float) -> None:
        self.lead = lead
        self.state: JsonObject | None = None
        self.count = 0

    def ask(self, now: float, sent: tuple[tuple[str, float], ...] = ()) -> Answer | None:
        self.count += 1
        visit = Visit("p", frozenset(), sent, ask=f"g{self.count}", queued=1, lead=self.lead)
        self.state, outcome = decide_visit(CAP, self.state, now, visit, lambda process: False)
        return outcome.answer


def third_grant_at(lead: float) -> float:
    """When the third request of a window of two is granted, its first having been written at 100.003."""
    scene = Scene(lead)
    first = scene.ask(100.0)
    second = scene.ask(100.5, ((read(first), 0.497),))
    wait = scene.ask(100.6, ((read(second), 0.097),))
    assert isinstance(wait, Wait)
    return 100.6 + wait.seconds


def read(answer: Answer | None) -> str:
    assert isinstance(answer, Granted)
    return answer.grant_id


@pytest.mark.parametrize(("lead", "at"), [(0.0, 101.023), (0.003, 101.020), (0.5, 101.008)])
def test_a_grant_comes_early_by_the_lead_but_by_no_more_than_three_quarters_of_the_guard(
    lead: float, at: float
):
    assert third_grant_at(lead) == pytest.approx(at, abs=1e-6)


def test_a_grant_does_not_come_early_while_another_process_waits():
    scene = Scene(0.003)
    first = scene.ask(100.0)
    second = scene.ask(100.5, ((read(first), 0.497),))
    rival = Visit("q", ask="q1", queued=1)
    scene.state, _ = decide_visit(CAP, scene.state, 100.55, rival, lambda process: False)
    wait = scene.ask(100.6, ((read(second), 0.097),))
    assert isinstance(wait, Wait)
    assert 100.6 + wait.seconds >= 101.023


def test_a_grant_tells_how_long_it_was_due():
    scene = Scene(0.003)
    first = scene.ask(100.0)
    second = scene.ask(100.5, ((read(first), 0.5),))
    third = scene.ask(101.025, ((read(second), 0.525),))
    assert isinstance(third, Granted)
    assert third.late == pytest.approx(0.008, abs=1e-6)
