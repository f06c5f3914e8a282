"""What the docs name exists: files, make targets, settings; and the two READMEs have one outline."""

import re
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("doc", DOCS)
def test_every_link_of_a_doc_leads_to_a_file(doc: str) -> None:
    folder = (ROOT / doc).parent
    assert [link for link in find_links(read(doc)) if not (folder / link).exists()] == []


@pytest.mark.parametrize("doc", DOCS)
def test_every_path_that_a_doc_names_exists(doc: str) -> None:
    files = list_files(ROOT)
    top_level = {file.parts[0] for file in files}
    known = {"/" + str(path) for file in files for path in (file, *file.parents)}
    folder = (ROOT / doc).parent

    def exists(word: str) -> bool:
        # `core/errors.py` is enough where it ends one path of the repository.
        end = "/" + word.rstrip("/")
        return (folder / word).exists() or any(path.endswith(end) for path in known)

    assert [word for word in find_paths(read(doc), top_level) if not exists(word)] == []


@pytest.mark.parametrize("doc", DOCS)
def test_every_make_target_that_a_doc_names_exists(doc: str) -> None:
    assert find_make_targets(read(doc)) - set(TARGET.findall(read("Makefile"))) == set()


def test_both_readmes_have_the_same_outline() -> None:
    assert heading_levels(read("README.ko.md")) == heading_levels(read("README.md"))


def test_docs_list_exactly_the_settings_that_exist() -> None:
    settings = set(list_variables().values())
    assert set(VARIABLE.findall(read("docs/settings.md"))) == settings


@pytest.mark.parametrize("doc", DOCS)
def test_a_doc_names_no_setting_that_does_not_exist(doc: str) -> None:
    settings = set(list_variables().values())
    assert set(VARIABLE.findall(read(doc))) - settings == set()


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
