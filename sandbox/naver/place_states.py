"""Places as pages carry them: the state of an Apollo client, with bought places beside the found ones."""

import json
from collections.abc import Sequence
from typing import Any

from sandbox.igdb.hashing import mix, salt_of
from sandbox.naver.candidates import PlaceSpot
from sandbox.naver.cards import write_ad_url
from sandbox.naver.markup import Look

State = dict[str, Any]
_KINDS = ("restaurant", "hospital", "place")
_TYPES = {"restaurant": "Restaurant", "hospital": "Hospital", "place": "Place"}
_ADS = 12


def find_kind(look: Look) -> str:
    """Which kind of business a keyword means: each has names of its own in the state."""
    return _KINDS[salt_of(look.seed, look.keyword, "kind") % len(_KINDS)]


def choose_bought(
    look: Look, found: Sequence[PlaceSpot], strangers: Sequence[PlaceSpot]
) -> list[PlaceSpot]:
    """Places that are advertised: some of the found ones, and some that are not among them."""
    salt = salt_of(look.seed, look.keyword, look.day, "ads")
    ranked = sorted(found, key=lambda place: mix(place.number, salt))
    return [*ranked[: _ADS // 2], *strangers[: _ADS - _ADS // 2]][:_ADS]


def write_list_state(
    look: Look,
    places: Sequence[PlaceSpot],
    bought: Sequence[PlaceSpot],
    *,
    total: int,
    start: int = 1,
    display: int,
    device: str,
) -> State:
    """The state of a list.

    Args:
        look: Of the page.
        places: Found ones on this page, in order.
        bought: Advertised ones.
        total: How many are found in all.
        start: Number of the first place.
        display: How many a page shows at most.
        device: `pcmap`, `pc` or `mobile`.
    """
    kind = find_kind(look)
    asked = _ask(display=display, deviceType=device, query=look.keyword, start=start)
    answers: State = {"__typename": "Query", **_answer(kind, asked, places, total)}
    ad_type = f"{_TYPES[kind]}AdSummary"
    answers[f"adBusinesses({_ask(businessType=kind, deviceType=device)})"] = {
        "__typename": f"{_TYPES[kind]}AdsResult",
        "total": len(bought),
        "items": [{"__ref": f"{ad_type}:{place.place_id}"} for place in bought],
    }
    entities = {_refer(kind, place): _describe(kind, place) for place in places}
    ads = {
        f"{ad_type}:{place.place_id}": _describe_bought(ad_type, place, look) for place in bought
    }
    # Bought ones come first in some states, and entities are in no order that means anything.
    return {**ads, **dict(sorted(entities.items())), "ROOT_QUERY": answers}


def write_openings_state(look: Look, places: Sequence[PlaceSpot]) -> State:
    """The state of a block of new places, which is none of the found ones."""
    asked = _ask(display=9, filterOpening=True, query=look.keyword, start=1)
    answers = {"__typename": "Query", **_answer("restaurant", asked, places, len(places))}
    entities = {_refer("restaurant", place): _describe("restaurant", place) for place in places}
    return {**entities, "ROOT_QUERY": answers}


def _answer(kind: str, asked: str, places: Sequence[PlaceSpot], total: int) -> State:
    items = [{"__ref": _refer(kind, place)} for place in places]
    if kind == "hospital":
        told = {"__typename": "HospitalListResult", "total": total, "items": items}
        return {f"hospitals({asked})": told}
    if kind == "restaurant":
        told = {"__typename": "RestaurantListResult", "items": items, "total": total}
        # Filters are an answer of nearly the same name.
        beside = {"__typename": "RestaurantListFilterResult", "filters": []}
        return {f"restaurantList({asked})": told, f"restaurantListFilter({asked})": beside}
    inner = {"__typename": "PlacesResult", "total": total, "items": items}
    return {f"placeList({asked})": {"__typename": "PlaceListResult", "businesses": inner}}


def _refer(kind: str, place: PlaceSpot) -> str:
    if kind == "restaurant":
        return f"RestaurantListSummary:{place.place_id}:{place.place_id}"
    return f"{_TYPES[kind]}Summary:{place.place_id}"


def _describe(kind: str, place: PlaceSpot) -> State:
    return {
        "__typename": _refer(kind, place).partition(":")[0],
        "id": place.place_id,
        "name": place.name,
        "category": place.category,
        "businessCategory": kind,
        "commonAddress": place.address,
        "visitorReviewCount": f"{place.bits % 5000:,}",
        "blogCafeReviewCount": f"{(place.bits >> 13) % 5000:,}",
        "x": f"{126.7 + (place.bits >> 20) % 6000 / 10_000:.7f}",
        "y": f"{37.3 + (place.bits >> 33) % 4000 / 10_000:.7f}",
    }


def _describe_bought(ad_type: str, place: PlaceSpot, look: Look) -> State:
    url = write_ad_url(mix(place.bits, salt_of(look.day)))
    return {
        "__typename": ad_type,
        "id": place.place_id,
        "adId": f"nad-a001-06-{place.bits % 10**15:015d}",
        "adClickLog": {"__typename": "AdClickLog", "clickUrl": url},
        "name": place.name,
        "category": place.category,
    }


def _ask(**values: object) -> str:
    """The arguments of a query as they stand in its key."""
    return json.dumps({"input": dict(sorted(values.items()))}, ensure_ascii=False)
