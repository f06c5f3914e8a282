"""What may be found for a keyword: posts and places, functions of seed, type, keyword and number. No order here."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache

from sandbox.igdb.hashing import mix, salt_of
from sandbox.naver.words import (
    CAFE_KINDS,
    EXTERNAL_SITES,
    NAME_BEGINNINGS,
    NAME_ENDINGS,
    REGIONS,
    SYLLABLES,
    TITLE_FRAMES,
    TRADES,
)
from sandbox.tags.words import SENTENCES

RESTLESS = 3
"""Of the candidates of a keyword so many are near the top, but not there on every fourth day."""

_CAFES = 60
_EXTERNAL_SHARE = 8
_COUNTS = {"blog": (60, 80), "cafe": (45, 60), "place": (90, 310)}
_MOST_DAYS = 900
_FIRST_DAY = date(2024, 1, 1)


class RankType(StrEnum):
    """What a keyword is searched for."""

    PLACE = "place"
    BLOG = "blog"
    CAFE = "cafe"


@dataclass(frozen=True, slots=True)
class Post:
    """A post in a blog or a cafe.

    Attributes:
        number: Among the candidates of its keyword.
        owner: Id of the blog, or the cafe's name in URLs; the host of an external blog.
        owner_name: As shown.
        owner_number: Of the cafe; 0 for blogs.
        post_number: The last part of its URL.
        title: As text.
        summary: As text.
        posted_on: When it was written.
        is_external: Whether another site than Naver has it.
        bits: For whatever else about it differs, such as the form of its URL.
    """

    number: int
    owner: str
    owner_name: str
    owner_number: int
    post_number: int
    title: str
    summary: str
    posted_on: date
    is_external: bool
    bits: int

    @property
    def is_cafe(self) -> bool:
        """Whether it is in a cafe."""
        return self.owner_number > 0

    @property
    def identity(self) -> str:
        """Canonical; of an external post its URL."""
        if self.is_external:
            return f"https://{self.owner}/{self.post_number}"
        host = "cafe" if self.is_cafe else "blog"
        return f"{host}.naver.com/{self.owner}/{self.post_number}"


@dataclass(frozen=True, slots=True)
class PlaceSpot:
    """A business.

    Attributes:
        number: Among the candidates of its keyword.
        place_id: As in URLs.
        name: As shown.
        category: What it is.
        address: Without house number.
        bits: For whatever else about it differs.
    """

    number: int
    place_id: str
    name: str
    category: str
    address: str
    bits: int

    @property
    def identity(self) -> str:
        """Canonical."""
        return f"place/{self.place_id}"


Candidate = Post | PlaceSpot


def tidy_keyword(keyword: str) -> str:
    """The keyword as searches are told apart: without spaces around it, one between its words."""
    return " ".join(keyword.split())


def has_results(keyword: str) -> bool:
    """Whether anything is found: nothing is for keywords without a letter other than single Korean jamo, or a digit."""
    return any(letter.isalnum() and not "\u3131" <= letter <= "\u318e" for letter in keyword)


@lru_cache(maxsize=256)
def list_candidates(seed: int, rank_type: RankType, keyword: str) -> tuple[Candidate, ...]:
    """All that may be found for a keyword, whatever the day."""
    if not has_results(keyword):
        return ()
    salt = salt_of(seed, rank_type, keyword)
    fewest, span = _COUNTS[rank_type]
    count = fewest + salt % span
    if rank_type is RankType.PLACE:
        return tuple(_make_place(number, salt) for number in range(count))
    make = _make_cafe_post if rank_type is RankType.CAFE else _make_blog_post
    return tuple(make(number, salt, seed, keyword) for number in range(count))


@lru_cache(maxsize=512)
def list_restless(seed: int, rank_type: RankType, keyword: str) -> tuple[int, ...]:
    """Numbers of the candidates that are often exposed and sometimes not."""
    salt = salt_of(seed, rank_type, keyword, "restless")
    return tuple(1 + 4 * step + (salt >> 8 * step) % 3 for step in range(RESTLESS))


def _make_blog_post(number: int, salt: int, seed: int, keyword: str) -> Post:
    bits = mix(number, salt)
    restless = number in list_restless(seed, RankType.BLOG, keyword)
    external = not restless and number > 0 and (bits >> 5) % _EXTERNAL_SHARE == 0
    owner = make_owner(mix(bits, 1))
    if external:
        owner = f"{owner.replace('_', '-')}.{EXTERNAL_SITES[bits % len(EXTERNAL_SITES)]}"
    latest = 1000 + (bits >> 20) % 900 if external else 223_000_000_000 + (bits >> 12) % 999_000_000
    return Post(
        number=number,
        owner=owner,
        owner_name=make_name(mix(bits, 2)),
        owner_number=0,
        # The last digits are the number itself: no two candidates can be the same post.
        post_number=latest // 1000 * 1000 + number,
        title=_make_title(bits, keyword),
        summary=_make_summary(bits),
        posted_on=_pick_date(bits),
        is_external=external,
        bits=mix(bits, 3),
    )


def _make_cafe_post(number: int, salt: int, seed: int, keyword: str) -> Post:
    bits = mix(number, salt)
    cafe = (bits >> 7) % _CAFES
    cafe_bits = mix(cafe, salt_of(seed, "cafe"))
    kind = CAFE_KINDS[cafe_bits % len(CAFE_KINDS)]
    return Post(
        number=number,
        owner=f"{make_owner(cafe_bits).rstrip('_')}{cafe}",
        owner_name=f"{REGIONS[(cafe_bits >> 16) % len(REGIONS)]} {kind}",
        owner_number=10_000_000 + cafe_bits % 19_000_000,
        post_number=(1 + (bits >> 14) % 4000) * 1000 + number,
        title=_make_title(bits, keyword),
        summary=_make_summary(bits),
        posted_on=_pick_date(bits),
        is_external=False,
        bits=mix(bits, 3),
    )


def _make_place(number: int, salt: int) -> PlaceSpot:
    bits = mix(number, salt)
    region = REGIONS[salt % len(REGIONS)]
    trade = TRADES[(salt >> 8) % len(TRADES)]
    return PlaceSpot(
        number=number,
        place_id=str((11_000 + (bits >> 9) % 2_090_000) * 1000 + number),
        name=f"{make_name(mix(bits, 2))} {trade}",
        category=trade,
        address=f"{region} {NAME_BEGINNINGS[(bits >> 30) % len(NAME_BEGINNINGS)]}로",
        bits=mix(bits, 3),
    )


def make_owner(bits: int) -> str:
    """An id as people choose them: small letters, perhaps a number or a sign at the end."""
    parts = (SYLLABLES[(bits >> shift) % len(SYLLABLES)] for shift in (0, 8, 16))
    ending = ("", "_", "", str((bits >> 30) % 9999))[(bits >> 24) % 4]
    return "".join(parts) + ending


def make_name(bits: int) -> str:
    """The name of a blog or a business."""
    beginning = NAME_BEGINNINGS[bits % len(NAME_BEGINNINGS)]
    return beginning + NAME_ENDINGS[(bits >> 8) % len(NAME_ENDINGS)]


def _make_title(bits: int, keyword: str) -> str:
    frame = TITLE_FRAMES[(bits >> 36) % len(TITLE_FRAMES)].format(q=keyword)
    return f"{frame} - {make_name(mix(bits, 4))}"


def _make_summary(bits: int) -> str:
    chosen = (SENTENCES[(bits >> shift) % len(SENTENCES)] for shift in (3, 17, 31))
    return ". ".join(" ".join(words) for words in chosen)


def _pick_date(bits: int) -> date:
    return _FIRST_DAY + timedelta(days=(bits >> 44) % _MOST_DAYS)
