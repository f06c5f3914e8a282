"""The open API: who may ask, the rules about parameters, and bodies. Its daily quota is in `upstream.py`.

Rules, errors and fields are those of Naver's guide (naver/naver-openapi-guide); that of a 429 is not in it.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.naver.candidates import Candidate, PlaceSpot, Post, RankType, tidy_keyword
from sandbox.naver.ranking import order_results

QUOTA = 25_000
"""Calls in a day, over all searches."""
_ZONE = ZoneInfo("Asia/Seoul")
_SEARCHES = {"blog": RankType.BLOG, "cafearticle": RankType.CAFE, "local": RankType.PLACE}
_UNAUTHORIZED = {
    "errorMessage": "Not Exist Client ID : Authentication failed. (인증에 실패했습니다.)",
    "errorCode": "024",
}
_ERRORS = {
    "SE01": "Incorrect query request (잘못된 쿼리요청입니다.)",
    "SE02": "Invalid display value (부적절한 display 값입니다.)",
    "SE03": "Invalid start value (부적절한 start 값입니다.)",
    "SE04": "Invalid sort value (부적절한 sort 값입니다.)",
    "SE05": "Invalid search api (존재하지 않는 검색 api 입니다.)",
    "SE06": "Malformed encoding (잘못된 형식의 인코딩입니다.)",
    "SE99": "System Error (시스템 에러)",
}
OVER_QUOTA = {
    "errorMessage": "Query limit exceeded. (쿼리한도를 초과했습니다.)",
    "errorCode": "010",
}
OVER_RATE = {"errorMessage": "Rate limit exceeded. (속도 제한을 초과했습니다.)", "errorCode": "012"}


class ApiError(Exception):
    """A refusal of the API.

    Args:
        status: HTTP status.
        body: As JSON.
    """

    def __init__(self, status: int, body: Mapping[str, str]) -> None:
        super().__init__(body["errorCode"])
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class Account:
    """Who may ask."""

    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks for."""

    rank_type: RankType
    keyword: str
    display: int
    start: int
    sort: str


def name_error(code: str) -> ApiError:
    """The error of a code `SE..`."""
    status = {"SE05": 404, "SE99": 500}.get(code, 400)
    return ApiError(status, {"errorMessage": _ERRORS[code], "errorCode": code})


def check_account(headers: Mapping[str, str], account: Account) -> None:
    """Refuses a call without the right headers.

    Raises:
        ApiError: Status 401.
    """
    given = Account(headers.get("x-naver-client-id", ""), headers.get("x-naver-client-secret", ""))
    if given.client_id != account.client_id:
        raise ApiError(401, _UNAUTHORIZED)
    if given != account:
        message = "NID AUTH Result Invalid (1000) : Authentication failed. (인증에 실패했습니다.)"
        raise ApiError(401, {**_UNAUTHORIZED, "errorMessage": message})


def find_search(path: str) -> RankType:
    """Which search a path is.

    Raises:
        ApiError: `SE05`: there is none.
    """
    name = path.removeprefix("/v1/search/").removesuffix(".json")
    if name not in _SEARCHES or not path.endswith(".json"):
        raise name_error("SE05")
    return _SEARCHES[name]


def read_call(rank_type: RankType, query: Mapping[str, str]) -> Asked:
    """What a call asks for.

    Raises:
        ApiError: A parameter is missing or out of its range.
    """
    is_local = rank_type is RankType.PLACE
    most, latest = (5, 1) if is_local else (100, 1000)
    keyword = tidy_keyword(query.get("query", ""))
    if not keyword:
        raise name_error("SE01")
    if "\ufffd" in keyword:
        raise name_error("SE06")
    display = _read_number(query.get("display", "1" if is_local else "10"), most, "SE02")
    start = _read_number(query.get("start", "1"), latest, "SE03")
    sort = query.get("sort", "random" if is_local else "sim")
    if sort not in ({"random", "comment"} if is_local else {"sim", "date"}):
        raise name_error("SE04")
    return Asked(rank_type, keyword, display, start, sort)


def answer_call(asked: Asked, seed: int, day: date) -> dict[str, Any]:
    """The body for a call.

    Args:
        asked: What is asked for.
        seed: Of the sandbox.
        day: In Asia/Seoul.
    """
    found = list(order_results(seed, asked.rank_type, asked.keyword, day))
    if asked.sort == "date":
        found.sort(key=_posted_on, reverse=True)
    shown = found[asked.start - 1 : asked.start - 1 + asked.display]
    built = datetime.combine(day, time(9, 30), _ZONE)
    return {
        "lastBuildDate": format_datetime(built),
        "total": min(5, len(found)) if asked.rank_type is RankType.PLACE else len(found),
        "start": asked.start,
        "display": len(shown),
        "items": [_describe(result, asked.keyword) for result in shown],
    }


def find_today(now: datetime) -> date:
    """The day in Asia/Seoul."""
    return now.astimezone(_ZONE).date()


def _read_number(text: str, most: int, code: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise name_error(code)
    return int(text)


def _posted_on(result: Candidate) -> date:
    return result.posted_on if isinstance(result, Post) else date.min


def _describe(result: Candidate, keyword: str) -> dict[str, str]:
    if isinstance(result, PlaceSpot):
        return _describe_place(result, keyword)
    told = {"title": _mark(result.title, keyword), "link": _write_link(result)}
    told["description"] = f"{_mark(result.summary, keyword)}... "
    if result.is_cafe:
        url = f"https://cafe.naver.com/{result.owner}"
        return {**told, "cafename": html.escape(result.owner_name), "cafeurl": url}
    front = result.owner if result.is_external else f"blog.naver.com/{result.owner}"
    # As the real one: some fronts come without a scheme.
    scheme = "" if result.bits % 3 else "https://"
    return {
        **told,
        "bloggername": html.escape(result.owner_name),
        "bloggerlink": f"{scheme}{front}",
        "postdate": f"{result.posted_on:%Y%m%d}",
    }


def _write_link(post: Post) -> str:
    if post.is_external:
        return post.identity
    return f"{'http' if post.is_cafe else 'https'}://{post.identity}"


def _describe_place(place: PlaceSpot, keyword: str) -> dict[str, str]:
    return {
        "title": _mark(place.name, keyword),
        "link": "",
        "category": f"생활,편의>{place.category}",
        "description": "",
        "telephone": "",
        "address": place.address,
        "roadAddress": f"{place.address} {place.bits % 300}",
        "mapx": str(1_267_000_000 + place.bits % 6_000_000),
        "mapy": str(373_000_000 + (place.bits >> 20) % 4_000_000),
    }


def _mark(text: str, keyword: str) -> str:
    """Text with entities, the words of the keyword in `<b>`."""
    escaped = html.escape(text)
    for word in dict.fromkeys(html.escape(keyword).split()):
        escaped = escaped.replace(word, f"<b>{word}</b>")
    return escaped
