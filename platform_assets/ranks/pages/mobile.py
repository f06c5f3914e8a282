"""Integrated search on a phone: the same blocks as on a PC under another element, with fewer places."""

from collections.abc import Sequence

from platform_assets.ranks.pages.apollo import State
from platform_assets.ranks.pages.document import Document
from platform_assets.ranks.pages.integrated import read_blocks
from platform_assets.ranks.result_page import RankType, ResultPage, Surface


def read_mobile(document: Document, states: Sequence[State], rank_type: RankType) -> ResultPage:
    """The results of a type on the integrated page of a phone."""
    return read_blocks(document, states, rank_type, Surface.MOBILE, "#ct")
