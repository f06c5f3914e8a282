"""Games that nobody made: any number of them, each a pure function of (seed, id, revision), shaped like IGDB's of 2026.

A record is one `bytes % tuple`: a layout (which fields are there, how long each list is) chosen by the id, filled with
the id, hashes, words, and runs out of a shared list of numbers. That costs a few microseconds and no memory per game.
Mean size about 1.3 kB, as measured on the real 344,000 games (1,338 B).
"""

from array import array
from dataclasses import dataclass
from random import Random

from sandbox.igdb.dates import draw_updated_at
from sandbox.igdb.hashing import mix, salt_of
from sandbox.igdb.table import Revision
from sandbox.igdb.words import ENDINGS, OPENINGS, SUBJECTS, escape, make_sentences, slugify

DENSITY = 0.878
"""Share of the ids that exist, of all up to the highest."""
_LAYOUT_COUNT = 1024
_SENTENCE_COUNT = 4096
_NUMBER_COUNT = 1 << 16
_LIST_CHANCES = {
    "age_ratings": (0.45, 5),
    "alternative_names": (0.3, 5),
    "artworks": (0.3, 4),
    "bundles": (0.05, 3),
    "collections": (0.12, 2),
    "dlcs": (0.03, 4),
    "external_games": (0.9, 20),
    "franchises": (0.06, 1),
    "game_engines": (0.15, 1),
    "game_localizations": (0.1, 3),
    "involved_companies": (0.55, 3),
    "keywords": (0.55, 24),
    "language_supports": (0.5, 30),
    "release_dates": (0.75, 8),
    "screenshots": (0.8, 14),
    "similar_games": (0.9, 10),
    "tags": (0.85, 28),
    "videos": (0.4, 3),
    "websites": (0.75, 9),
}
"""List field -> chance to be there, greatest length."""
_REFERENCES = {
    "game_modes": 6,
    "genres": 23,
    "platforms": 220,
    "player_perspectives": 7,
    "themes": 22,
}
"""List field -> how many rows the entity has that it refers to."""
_SINGLES = (
    *("id", "name", "slug", "url", "created_at", "updated_at", "checksum", "summary", "storyline"),
    *("cover", "first_release_date", "game_type", "game_status", "parent_game", "hypes"),
)
_SCORES = ("aggregated_rating", "rating", "total_rating")
_HEAD = (
    b'{"id":%d,"name":"%b%b%b%b","slug":"%b%b%d","url":"https://www.igdb.com/games/%b%b%d",'
    b'"created_at":%d,"updated_at":%d,"checksum":"%08x-%04x-%04x-%04x-%012x"'
)


@dataclass(frozen=True, slots=True)
class _Layout:
    """A record as a pattern, and how many sentences and numbers follow the values of its head."""

    pattern: bytes
    sentence_count: int
    number_count: int


class GeneratedGames:
    """Source of the games table.

    Args:
        count: How many games there are at the start.
        seed: Everything follows from it.

    Attributes:
        fields: Every field that a game may have.
    """

    def __init__(self, count: int, seed: int) -> None:
        random = Random(salt_of(seed, "games"))
        self._count = count
        self._seed = seed
        self._salt = salt_of(seed, "rows")
        self._layouts = [_make_layout(random) for _ in range(_LAYOUT_COUNT)]
        self._sentences = make_sentences(random, _SENTENCE_COUNT)
        self._numbers = [b"%d" % random.randrange(10_000, 100_000) for _ in range(_NUMBER_COUNT)]
        self._openings = _make_names(OPENINGS)
        self._subjects = _make_names(SUBJECTS)
        self._endings = [escape(ending) for ending in ENDINGS]
        scores = (name for score in _SCORES for name in (score, f"{score}_count"))
        self.fields = frozenset((*_SINGLES, *scores, *_LIST_CHANCES, *_REFERENCES))

    def list_ids(self) -> "array[int]":
        """`count` ids with gaps, ascending."""
        highest = max(self._count, round(self._count / DENSITY))
        drawn = Random(salt_of(self._seed, "ids")).sample(range(1, highest + 1), self._count)
        return array("q", sorted(drawn))

    def read_updated_at(self, row_id: int) -> int:
        """Seconds up to `NEWEST`, over 13 years, denser towards the end."""
        return draw_updated_at(mix(row_id, self._salt))

    def encode(self, row_id: int, revision: Revision | None) -> bytes:
        """The game as compact JSON."""
        fixed = mix(row_id, self._salt)
        moving = mix(fixed, revision.number) if revision else fixed
        original = draw_updated_at(fixed)
        layout = self._layouts[fixed >> 20 & (_LAYOUT_COUNT - 1)]
        opening, opening_slug = self._openings[(fixed >> 30) % len(self._openings)]
        subject, subject_slug = self._subjects[(fixed >> 40) % len(self._subjects)]
        ending = self._endings[(fixed >> 50) % len(self._endings)]
        sentence = (fixed >> 32) % (_SENTENCE_COUNT - layout.sentence_count)
        number = (moving >> 16) % (_NUMBER_COUNT - layout.number_count)
        return layout.pattern % (
            *(row_id, opening, b" ", subject, ending),
            *(opening_slug, subject_slug, row_id, opening_slug, subject_slug, row_id),
            *(original - (fixed & 0xFFFFFF), revision.updated_at if revision else original),
            *(
                moving >> 32,
                moving & 0xFFFF,
                moving >> 16 & 0xFFFF,
                fixed & 0xFFFF,
                moving >> 8 & 0xFFFFFFFFFFFF,
            ),
            *self._sentences[sentence : sentence + layout.sentence_count],
            *self._numbers[number : number + layout.number_count],
        )


def _make_names(words: tuple[str, ...]) -> list[tuple[bytes, bytes]]:
    """Each word as it stands in a JSON string and in a slug (with a `-` behind it)."""
    slugs = (slugify(word) for word in words)
    return [
        (escape(word), f"{slug}-".encode() if slug else b"")
        for word, slug in zip(words, slugs, strict=True)
    ]


def _make_layout(random: Random) -> _Layout:
    """Draws which fields a record has, and how long."""
    summary = min(14, int(random.expovariate(0.265))) if random.random() < 0.95 else 0
    storyline = random.randrange(2, 5) if random.random() < 0.12 else 0
    texts = _make_text("summary", summary) + _make_text("storyline", storyline)
    parts = [
        *_make_singles(random),
        *_make_scores(random),
        *_make_references(random),
        *_make_lists(random),
    ]
    random.shuffle(parts)
    body = b"".join([texts, *parts, b"}"])
    sentence_count = summary + storyline
    return _Layout(_HEAD + body, sentence_count, body.count(b"%b") - sentence_count)


def _make_text(field: str, sentence_count: int) -> bytes:
    return (
        b',"%b":"%b"' % (field.encode(), b" ".join([b"%b"] * sentence_count))
        if sentence_count
        else b""
    )


def _make_singles(random: Random) -> list[bytes]:
    """Fields with one number. The first digits belong to the layout, the last five are filled in."""
    fields = [
        b',"game_type":%d' % random.choices((0, 1, 3, 8, 9, 11, 14), (80, 6, 5, 2, 3, 2, 2))[0]
    ]
    if random.random() < 0.8:
        fields.append(b',"cover":%%b%d' % random.randrange(10))
    if random.random() < 0.73:
        fields.append(b',"first_release_date":%d%%b000' % random.randrange(10, 18))
    if random.random() < 0.1:
        fields.append(b',"game_status":%d' % random.randrange(9))
    if random.random() < 0.1:
        fields.append(b',"parent_game":%%b%d' % random.randrange(10))
    if random.random() < 0.15:
        fields.append(b',"hypes":%d' % random.randrange(1, 200))
    return fields


def _make_scores(random: Random) -> list[bytes]:
    """Ratings with their counts; most games have none."""
    present = [score.encode() for score in _SCORES if random.random() < 0.12]
    return [
        b',"%b":%d.%%b%%b,"%b_count":%d'
        % (score, random.randrange(20, 100), score, random.randrange(1, 900))
        for score in present
    ]


def _make_references(random: Random) -> list[bytes]:
    """Lists of ids of the small entities, fixed per layout, in no order."""
    fields: list[bytes] = []
    for field, size in _REFERENCES.items():
        if random.random() < 0.82:
            drawn = random.sample(range(1, size + 1), random.randrange(1, min(5, size)))
            fields.append(
                b',"%b":[%b]' % (field.encode(), b",".join(b"%d" % row_id for row_id in drawn))
            )
    return fields


def _make_lists(random: Random) -> list[bytes]:
    """Lists of ids that are filled in, in no order."""
    fields: list[bytes] = []
    for field, (chance, longest) in _LIST_CHANCES.items():
        if random.random() < chance:
            slots = [
                b"%%b%d" % random.randrange(10) for _ in range(random.randrange(1, longest + 1))
            ]
            fields.append(b',"%b":[%b]' % (field.encode(), b",".join(slots)))
    return fields
