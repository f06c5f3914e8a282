"""Questions and answers of a chatbot (songys/Chatbot_data): 11,823 rows without ids; each is a group of its own.

The columns are called Q and A, so the tables come with a `_columns.json`.
"""

import csv
import gzip
from pathlib import Path

from sandbox.tags.data_files import find_file
from sandbox.tags.dates import DateForm
from sandbox.tags.layouts import Column
from sandbox.tags.real import RealText
from sandbox.tags.rows import Row
from sandbox.tags.sources import Sketch

DATASET = "chatbot"
_FILE = "chatbot_qna/ChatbotData.csv.gz"
_SKETCH = Sketch(
    (Column("Q", "title"), Column("A", "body"), Column("label", "extra")), DateForm.NONE
)
_OPTIONS = {"columns": {"title": "Q", "body": "A"}, "row_id": "line"}


def read_chatbot(folder: Path) -> RealText[dict[str, str]]:
    """The rows in the order of the file.

    Raises:
        RefusedError: The file is not there.
    """
    with gzip.open(find_file(folder, _FILE), "rt", encoding="utf-8-sig", newline="") as lines:
        groups = [[row] for row in csv.DictReader(lines)]
    return RealText(DATASET, groups, _make_row, _SKETCH, options=_OPTIONS)


def _make_row(row: dict[str, str]) -> Row:
    return Row(None, title=row["Q"].split(" "), body=row["A"].split(" "), extra=(row["label"],))
