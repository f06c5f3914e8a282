"""Raw material of generated records: words for names and sentences. Names and texts are invented.

Some are chosen to hurt a careless reader: Hangul, kana, emoji, zero-width space, combining accents, leading
punctuation, and sentences with escapes, braces and what looks like the start of another record.
"""

from random import Random

import msgspec


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


OPENINGS = (
    *_split("""
    Amber Ancient Astral Autumn Azure Bitter Blazing Bold Broken Brass Burning Cobalt Cosmic Crimson Crystal
    Dark Distant Drifting Dusty Ember Endless Fading Fallen Feral Final Forgotten Frozen Gentle Ghostly
    Gilded Glass Golden Grim Hidden Hollow Iron Ivory Jade Lost Lunar Midnight Neon Northern Obsidian
    Paper Quiet Rapid Royal Rusty Savage Scarlet Secret Silent Silver Solar Super Tiny Velvet Wild
    """),
    *("별빛", "용감한", "夜明けの", "ファイナル", "&0", "#Last", "Ünder", "Cafe\u0301"),
)
SUBJECTS = (
    *_split("""
    Abyss Alchemist Arena Armada Bakery Bastion Cartographer Castle Chronicle Circuit Citadel Colony Crown
    Derby Detective Dragon Dungeon Echoes Empire Expedition Falcon Farm Fleet Forest Frontier Garden
    Guardian Harbor Heist Horizon Island Journey Kingdom Knight Labyrinth Lantern Legacy Lighthouse
    Machine Maze Meadow Mercenary Mirror Odyssey Oracle Orchard Outpost Parade Pilgrim Puzzle Racer
    Rebellion Saga Sanctuary Shadow Signal Squadron Station Storm Tactics Temple Voyage Workshop
    """),
    *(
        "이야기",
        "의 기사",
        "ドラゴン",
        "物語",
        "🎮 Party",
        "Zero\u200bSpace",
        "Don't Stop",
        'the "Quoted"',
    ),
)
ENDINGS = (
    *([""] * 40),
    *(
        " II",
        " III",
        " 2",
        " 3",
        ": Remastered",
        ": Definitive Edition",
        " Online",
        " VR",
        " DX",
        " - Prologue",
    ),
    *(
        ": Episode One",
        " Deluxe",
        " & Friends",
        " (한국어판)",
        "【完全版】",
        " ✨",
        "\u200b",
        " 2077",
        "!",
        " HD",
    ),
)
_ACTORS = (
    *(
        "a retired cartographer",
        "the last lamplighter",
        "two rival bakers",
        "a crew of young pilots",
    ),
    *("the heir of a ruined house", "a stubborn machine", "an ordinary postman", "four strangers"),
)
_ACTIONS = (
    *(
        "crosses the frozen border",
        "rebuilds the harbor brick by brick",
        "follows a signal to the deep",
    ),
    *("breeds creatures of light", "outruns the storm", "solves the riddle of the tower"),
    *(
        "trades spices for secrets",
        "defends the valley through nine nights",
        "learns a forgotten craft",
    ),
)
_CLOSINGS = (
    *(
        "with more than {n} hand-drawn levels",
        "in {n} handmade arenas",
        "over {n} seasons of changing weather",
    ),
    *(
        "alone or with up to {n} friends",
        "against {n} kinds of foes",
        "guided by {n} voices from the past",
    ),
)
_ODD_SENTENCES = (
    'The sign reads "No entry", and\nyou enter.',
    "밤이 되면 마을은 조용해진다.",
    "旅は{ここから}始まる。",
    'Its log ends with },{"id":1,"name":"nobody"}] and a blinking cursor \\ nothing else.',
    "Unlock 100% of it 🏆 — or don't; it's <b>your</b> game & nobody else's.",
    "A line separator\u2028hides here, and a tab\tthere.",
)


def make_sentences(random: Random, count: int) -> list[bytes]:
    """`count` sentences of about 100 bytes, as the inside of JSON strings, one in 40 of the odd kind."""
    return [_make_sentence(random) for _ in range(count)]


def escape(text: str) -> bytes:
    """A text as it stands between the quotes of a JSON string."""
    return msgspec.json.encode(text)[1:-1]


def slugify(text: str) -> str:
    """Lower-case ASCII words joined by `-`; empty when nothing of the text is left."""
    kept = "".join(char if char.isascii() and char.isalnum() else " " for char in text.lower())
    return "-".join(kept.split())


def _make_sentence(random: Random) -> bytes:
    if random.random() < 0.025:
        return escape(random.choice(_ODD_SENTENCES))
    place = f"{random.choice(OPENINGS)} {random.choice(SUBJECTS)}"
    closing = random.choice(_CLOSINGS).format(n=random.randrange(2, 500))
    actor, action = random.choice(_ACTORS), random.choice(_ACTIONS)
    return escape(f"In the {place}, {actor} {action}, {closing}.")
