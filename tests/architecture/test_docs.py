"""What the docs name exists: files, make targets, settings; and the two READMEs have one outline."""

import re
from pathlib import Path

from platform_assets.settings import list_variables
from tests.architecture.paths_in_docs import (
    find_links,
    find_make_targets,
    find_paths,
    heading_levels,
)
from tests.architecture.source_tree import ROOT, list_files

REQUIRED = ("README.md", "README.ko.md", "CHANGELOG.md", "docs/settings.md")
FOUND = tuple(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
DOCS = sorted({*REQUIRED, *FOUND})
TARGET = re.compile(r"^([a-z][a-z-]*):.*## ", re.MULTILINE)
VARIABLE = re.compile(r"\b(?:SLUICE|CRAWL)_[A-Z0-9_]*[A-Z0-9]\b")


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_every_link_of_the_docs_leads_to_a_file() -> None:
    assert [
        (doc, link)
        for doc in DOCS
        for link in find_links(read(doc))
        if not ((ROOT / doc).parent / link).exists()
    ] == []


def test_every_path_that_the_docs_name_exists() -> None:
    files = list_files(ROOT)
    top_level = {file.parts[0] for file in files}
    known = {"/" + str(path) for file in files for path in (file, *file.parents)}

    def exists(doc: str, word: str) -> bool:
        # `core/errors.py` is enough where it ends one path of the repository.
        end = "/" + word.rstrip("/")
        beside = (ROOT / doc).parent / word
        return beside.exists() or any(path.endswith(end) for path in known)

    assert [
        (doc, word)
        for doc in DOCS
        for word in find_paths(read(doc), top_level)
        if not exists(doc, word)
    ] == []


def test_every_make_target_that_the_docs_name_exists() -> None:
    targets = set(TARGET.findall(read("Makefile")))
    assert {doc: gone for doc in DOCS if (gone := find_make_targets(read(doc)) - targets)} == {}


def test_both_readmes_have_the_same_outline() -> None:
    assert heading_levels(read("README.ko.md")) == heading_levels(read("README.md"))


def test_docs_list_exactly_the_settings_that_exist() -> None:
    settings = set(list_variables().values())
    assert set(VARIABLE.findall(read("docs/settings.md"))) == settings


def test_the_docs_name_no_setting_that_does_not_exist() -> None:
    settings = set(list_variables().values())
    found = {doc: set(VARIABLE.findall(read(doc))) - settings for doc in DOCS}
    assert {doc: gone for doc, gone in found.items() if gone} == {}


TEXT = """# One
`core/gone.py` and `docs/gone.md`, run `make gone NOW=1`, see [there](docs/gone.md#part) or [site](https://a.b/c.md).
`games/raw/<entity>/dt=1/part.jsonl`, `docs/*.md`, `n/a`, `python -m x`, `.sluice/state.py` and `resources/` are fine.
## Two
```sh
$ make away
# no heading; `fenced/gone.py` is not read
```
we make sense
"""


def test_the_rules_see_what_a_text_claims() -> None:
    assert list(find_links(TEXT)) == ["docs/gone.md"]
    assert list(find_paths(TEXT, {"docs", "resources"})) == [
        "core/gone.py",
        "docs/gone.md",
        "resources/",
    ]
    assert find_make_targets(TEXT) == {"gone", "away"}
    assert heading_levels(TEXT) == [1, 2]


def test_the_docs_folder_is_read() -> None:
    assert (ROOT / "docs").is_dir()
    assert all(Path(doc).suffix == ".md" for doc in DOCS)
