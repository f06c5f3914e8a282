"""Naver's movie reviews (e9t/nsmc, raw): 171,687 of 3,537 movies, at most 100 of each; a group is a movie."""

import gzip
from itertools import groupby
from pathlib import Path

import msgspec

from sandbox.tags.data_files import find_file
from sandbox.tags.dates import DateForm
from sandbox.tags.layouts import Column
from sandbox.tags.real import RealText
from sandbox.tags.rows import Row
from sandbox.tags.sources import Sketch

DATASET = "nsmc"
_FILE = "nsmc_raw/reviews.jsonl.gz"
_SKETCH = Sketch(
    (
        Column("review_id", "row_id"),
        Column("movie_id", "extra"),
        Column("author", "author"),
        Column("review", "body"),
        Column("rating", "extra"),
        Column("date", "date"),
    ),
    DateForm.SHORT_YEAR,
)


class _Review(msgspec.Struct):
    review_id: str
    movie_id: str
    author: str
    review: str
    rating: str
    date: str


def read_nsmc(folder: Path) -> RealText[_Review]:
    """The movies by id, their reviews in the order of the file.

    Raises:
        RefusedError: The file is not there.
    """
    with gzip.open(find_file(folder, _FILE)) as lines:
        reviews = msgspec.json.Decoder(_Review).decode_lines(lines.read())
    reviews.sort(key=lambda review: int(review.movie_id))
    movies = [list(group) for _, group in groupby(reviews, key=lambda review: review.movie_id)]
    return RealText(DATASET, movies, _make_row, _SKETCH)


def _make_row(review: _Review) -> Row:
    year, month, _ = review.date.split(".")
    return Row(
        review.review_id,
        review.date,
        f"20{year}-{month}",
        review.author,
        body=review.review.split(" "),
        extra=(review.movie_id, review.rating),
    )
