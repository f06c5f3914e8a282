from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sandbox.igdb.limits import Gate, Verdict


def make_gate(*, rate: int = 4, open_limit: int = 8) -> Gate:
    return Gate(rate=rate, window_seconds=1.0, open_limit=open_limit)


def test_the_fifth_request_within_a_second_is_rejected():
    gate = make_gate()
    assert [gate.admit(0.1 * n) for n in range(5)] == [Verdict.ACCEPTED] * 4 + [Verdict.RATE]


def test_a_request_one_window_after_the_first_is_accepted():
    gate = make_gate()
    for n in range(4):
        gate.admit(0.25 * n)
    assert gate.admit(0.999) is Verdict.RATE
    assert gate.admit(1.0) is Verdict.ACCEPTED


def test_a_rejected_request_does_not_push_the_window_on():
    gate = make_gate(rate=1)
    assert gate.admit(0.0) is Verdict.ACCEPTED
    assert gate.admit(0.9) is Verdict.RATE
    assert gate.admit(1.0) is Verdict.ACCEPTED


def test_the_ninth_open_request_is_rejected_and_leaves_no_trace_in_the_window():
    gate = make_gate(rate=100)
    for n in range(8):
        assert gate.admit(n) is Verdict.ACCEPTED
    assert gate.admit(8.0) is Verdict.OPEN
    gate.release()
    assert gate.admit(8.0) is Verdict.ACCEPTED
    assert (gate.max_open, gate.max_in_window) == (8, 1)


def test_a_reset_forgets_the_highest_values_but_not_the_window():
    gate = make_gate(rate=2)
    gate.admit(0.0)
    gate.admit(0.0)
    gate.release()
    gate.reset()
    assert (gate.max_open, gate.max_in_window) == (1, 0)
    assert gate.admit(0.5) is Verdict.RATE


@given(st.lists(st.floats(0, 0.7), max_size=60), st.integers(1, 5))
def test_of_rate_plus_one_accepted_requests_the_last_is_a_window_after_the_first(
    gaps: list[float], rate: int
):
    gate = Gate(rate=rate, window_seconds=1.0, open_limit=1000)
    now, accepted = 0.0, list[float]()
    for gap in gaps:
        now += gap
        if gate.admit(now) is Verdict.ACCEPTED:
            accepted.append(now)
    assert all(late - early >= 1.0 for early, late in zip(accepted, accepted[rate:], strict=False))
    assert all(early <= late for early, late in pairwise(accepted))
    assert gate.max_in_window <= rate
