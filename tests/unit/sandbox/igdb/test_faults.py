from pathlib import Path

import pytest

from platform_assets.core.errors import RefusedError
from sandbox.igdb.faults import ChangeRates, Drift, Fault, FaultDice, FaultPlan, read_faults
from sandbox.igdb.table import Change


def test_a_faults_file_is_read_with_defaults_for_what_it_leaves_out(tmp_path: Path):
    path = tmp_path / "faults.json"
    path.write_text('{"rates": {"http_500": 0.01}, "changes": {"delete_per_second": 1}}')
    plan = read_faults(path)
    assert plan.rates == {Fault.HTTP_500: 0.01}
    assert (plan.seed, plan.slow_seconds) == (0, 5.0)
    assert plan.changes == ChangeRates(delete_per_second=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"rates": {"http_418": 0.1}}', "http_418"),
        ('{"rates": {"drop": 1.5}}', "<= 1.0"),
        ('{"rates": {"drop": 0.6, "slow": 0.6}}', "add up to more than 1"),
        ('{"first": {"games": ["http_418"]}}', "http_418"),
        ('{"rate": {}}', "rate"),
        ('{"changes": {"delete_per_second": -1}}', "changes"),
        ("{", "truncated"),
    ],
)
def test_a_wrong_faults_file_is_refused_with_what_is_wrong(tmp_path: Path, text: str, said: str):
    path = tmp_path / "faults.json"
    path.write_text(text)
    with pytest.raises(RefusedError, match=said):
        read_faults(path)


def test_a_missing_faults_file_is_refused(tmp_path: Path):
    with pytest.raises(RefusedError, match="cannot read"):
        read_faults(tmp_path / "nothing.json")


def test_faults_come_as_often_as_asked_for():
    dice = FaultDice(FaultPlan(seed=3, rates={Fault.DROP: 0.1, Fault.SLOW: 0.2}))
    drawn = [dice.draw("games", f"query {n}") for n in range(5000)]
    assert drawn.count(Fault.DROP) / 5000 == pytest.approx(0.1, abs=0.02)
    assert drawn.count(Fault.SLOW) / 5000 == pytest.approx(0.2, abs=0.02)


def test_the_same_requests_get_the_same_faults_and_a_retry_draws_anew():
    plan = FaultPlan(seed=3, rates={Fault.DROP: 0.5})
    first, again = FaultDice(plan), FaultDice(plan)
    draws = [first.draw("games", "query") for _ in range(64)]
    assert draws == [again.draw("games", "query") for _ in range(64)]
    assert set(draws) == {None, Fault.DROP}
    first.reset()
    assert first.draw("games", "query") == draws[0]


def test_the_first_requests_to_an_endpoint_get_the_faults_that_are_listed():
    dice = FaultDice(FaultPlan(first={"multiquery": [Fault.DROP, Fault.HTTP_500]}))

    def draws() -> list[Fault | None]:
        return [dice.draw("multiquery", f"query {n}") for n in range(3)]

    assert dice.draw("games", "query") is None
    assert draws() == [Fault.DROP, Fault.HTTP_500, None]
    dice.reset()
    assert draws() == [Fault.DROP, Fault.HTTP_500, None]


def test_without_rates_nothing_fails():
    assert FaultDice(FaultPlan()).draw("games", "query") is None


def test_fractions_of_changes_are_carried_over():
    drift = Drift(ChangeRates(delete_per_second=2, change_per_second=0.5))
    assert [drift.advance(0.25) for _ in range(8)] == [
        Change(),
        Change(delete_random=1),
        Change(),
        Change(delete_random=1),
        Change(),
        Change(delete_random=1),
        Change(),
        Change(delete_random=1, change_random=1),
    ]
    assert not drift.idle
    assert Drift(ChangeRates()).idle
