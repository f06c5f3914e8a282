"""What a Markdown text claims to exist: links, paths in backticks, make targets, headings."""

import re
from collections.abc import Collection, Iterator

FENCE = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)")
HEADING = re.compile(r"^(#{1,6}) ", re.MULTILINE)
# In a console block a command starts its line; in a sentence it starts its backticks.
MAKE = re.compile(r"(?:^|`|\$ |&& )make ([a-z][a-z-]*)", re.MULTILINE)
PATH = re.compile(r"\.?[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+)*/?")
SOURCE_SUFFIXES = (".py", ".md", ".toml", ".yaml", ".yml", ".ini", ".sh", ".sql")
MADE_BY_COMMANDS = (".venv", ".sluice", ".env")


def find_links(text: str) -> Iterator[str]:
    """Targets of links that lead to files, without their anchors."""
    for target in LINK.findall(FENCE.sub("", text)):
        if "://" not in target and not target.startswith(("#", "mailto:")):
            yield target.split("#")[0]


def find_paths(text: str, top_level: Collection[str]) -> Iterator[str]:
    """Words in backticks that name a file or folder of the repository.

    A word counts if its first part is in `top_level` and more follows, or if it ends like a source file. Placeholders
    (`<entity>`), globs and object keys (`dt=...`) do not count; nor does what commands create.
    """
    for word in " ".join(SPAN.findall(FENCE.sub("", text))).split():
        first = word.split("/")[0]
        named = ("/" in word and first in top_level) or word.endswith(SOURCE_SUFFIXES)
        if named and PATH.fullmatch(word) and first not in MADE_BY_COMMANDS:
            yield word


def find_make_targets(text: str) -> set[str]:
    return set(MAKE.findall(text))


def heading_levels(text: str) -> list[int]:
    return [len(marks) for marks in HEADING.findall(FENCE.sub("", text))]
