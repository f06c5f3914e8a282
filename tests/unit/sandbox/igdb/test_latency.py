from statistics import fmean, median

import pytest

from sandbox.igdb.latency import Latency


def test_a_query_always_takes_as_long_and_another_seed_takes_another_time():
    first, again, other = Latency(1.05, 1), Latency(1.05, 1), Latency(1.05, 2)
    assert first.draw("games 1") == again.draw("games 1")
    assert first.draw("games 1") != first.draw("games 2")
    assert first.draw("games 1") != other.draw("games 1")


def test_latencies_are_lognormal_with_the_median_asked_for():
    latency = Latency(1.05, 1)
    draws = [latency.draw(f"query {n}") for n in range(4000)]
    assert median(draws) == pytest.approx(1.05, rel=0.03)
    assert fmean(draws) == pytest.approx(1.16, rel=0.03)


def test_no_latency_is_no_latency():
    assert Latency(0, 1).draw("x") == 0
