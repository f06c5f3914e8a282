from dataclasses import replace
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import RefusedError
from resources.caps.limits import CAPS, find_cap, override_cap, shop_cap

IGDB = CAPS["igdb"]


def test_igdb_allows_four_a_second_and_eight_open():
    assert (IGDB.requests, IGDB.per_seconds, IGDB.in_flight) == (4, 1.0, 8)
    assert IGDB.spacing_seconds == 0.25


def test_every_cap_is_filed_under_its_name_with_a_source():
    for name, cap in CAPS.items():
        assert cap.name == name
        assert cap.source
        assert cap.day_zone in available_timezones()


@pytest.mark.parametrize("name", ["musinsa", "oliveyoung", "declared_in_a_file"])
def test_a_shop_has_a_wider_guard_than_an_upstream_that_publishes_its_limit(name: str):
    assert shop_cap(name).guard == 0.05 > IGDB.guard


def test_an_unknown_cap_is_refused_with_the_known_ones():
    with pytest.raises(RefusedError, match=r"no cap 'igbd'.*igdb"):
        find_cap("igbd")
    assert find_cap("igdb") is IGDB


def test_without_overrides_a_cap_stays_as_it_is():
    assert override_cap(IGDB) == IGDB


@pytest.mark.parametrize(
    ("rate", "requests", "per_seconds"),
    [(4, 4, 1.0), (3.5, 3, 3 / 3.5), (0.5, 1, 2.0), (1, 1, 1.0)],
)
def test_a_rate_becomes_whole_requests_per_window(rate: float, requests: int, per_seconds: float):
    cap = override_cap(IGDB, requests_per_second=rate)
    assert cap.requests == requests
    assert cap.per_seconds == pytest.approx(per_seconds)


@given(st.floats(0.001, 1000))
def test_an_overridden_rate_is_kept_exactly(rate: float):
    cap = override_cap(IGDB, requests_per_second=rate)
    assert cap.requests / cap.per_seconds == pytest.approx(rate)


def test_open_requests_can_be_overridden_alone():
    assert override_cap(IGDB, open_requests=3) == replace(IGDB, in_flight=3)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate: float):
    with pytest.raises(RefusedError, match="requests per second"):
        override_cap(IGDB, requests_per_second=rate)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("requests", 0),
        ("per_seconds", 0.0),
        ("per_seconds", float("nan")),
        ("in_flight", 0),
        ("pool_limit", 0),
        ("per_day", 0),
        ("guard", 0.5),
        ("guard", -0.01),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(field: str, value: object):
    with pytest.raises(RefusedError, match=f"{field} is"):
        replace(IGDB, **{field: value})
