"""Reviews of 98 creams (Olive Young): 4,689 rows without ids or dates; a group is a product.

The name of the product is the title, which `_columns.json` says.
"""

import csv
import gzip
from itertools import groupby
from pathlib import Path

from sandbox.tags.data_files import find_file
from sandbox.tags.dates import DateForm
from sandbox.tags.layouts import Column
from sandbox.tags.real import RealText
from sandbox.tags.rows import Row
from sandbox.tags.sources import Sketch

DATASET = "oliveyoung"
_FILE = "oliveyoung_reviews/cream_reviews_301-400.csv.gz"
_EXTRA = ("product_id", "product_url", "product_rating", "user_keywords", "user_rating")
_SKETCH = Sketch(
    (
        *(Column(name, "extra") for name in _EXTRA[:2]),
        Column("product_name", "title"),
        Column("product_rating", "extra"),
        Column("user_id", "author"),
        *(Column(name, "extra") for name in _EXTRA[3:]),
        Column("review_text", "body"),
    ),
    DateForm.NONE,
)
_OPTIONS = {"columns": {"title": "product_name"}, "row_id": "line"}


def read_oliveyoung(folder: Path) -> RealText[dict[str, str]]:
    """The products in the order of the file.

    Raises:
        RefusedError: The file is not there.
    """
    with gzip.open(find_file(folder, _FILE), "rt", encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row["product_id"])]
    return RealText(DATASET, groups, _make_row, _SKETCH, options=_OPTIONS)


def _make_row(row: dict[str, str]) -> Row:
    return Row(
        None,
        author=row["user_id"],
        title=row["product_name"].split(" "),
        body=row["review_text"].split(" "),
        extra=[row[name] for name in _EXTRA],
    )
