"""A page as text and as a tree, and the few questions that all readers ask of it."""

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

END_LOOKED_AT = 4_096
"""Characters at the end of a page in which it must close; comments of caches and proxies may follow."""
UNSEEN = ("script", "style", "noscript", "template", "svg")
SPACES = re.compile(r"\s+")
NEW_WINDOW = "새 창 열림"
"""What a screen reader says after links of a rendered page."""
NO_RESULT = ".api_noresult_wrap"
NO_RESULT_WORDS = "검색결과가 없습니다"


@dataclass(frozen=True, slots=True)
class Document:
    """A page.

    Attributes:
        text: As received, decoded.
        tree: Parsed.
    """

    text: str
    tree: LexborHTMLParser

    @property
    def is_complete(self) -> bool:
        """Whether the page was received to its end."""
        return "</html>" in self.text[-END_LOOKED_AT:].lower()

    def read_field(self, name: str) -> str:
        """The first value of a form field; empty without one."""
        found = (node.attrs.sget("value") for node in self.tree.css(f"input[name={name}]"))
        return next((value for value in found if value), "")

    def read_meta(self, name: str) -> str:
        """What a `meta` property says; empty without one."""
        node = self.tree.css_first(f'meta[property="{name}"]')
        return node.attrs.sget("content") if node is not None else ""

    def read_title(self) -> str:
        """What the page is called; empty without a title."""
        node = self.tree.css_first("title")
        return SPACES.sub(" ", node.text()).strip() if node is not None else ""

    def show(self) -> str:
        """What a person would read, without scripts and styles."""
        seen = self.tree.clone()
        seen.strip_tags(list(UNSEEN), recursive=True)
        return SPACES.sub(" ", seen.body.text(separator=" ")) if seen.body is not None else ""


def parse_document(body: bytes) -> Document:
    """The page of a reply; what is no UTF-8 in it becomes U+FFFD."""
    text = body.decode("utf-8", errors="replace")
    return Document(text, LexborHTMLParser(text))


def read_text(node: LexborNode) -> str:
    """The text of a link as shown, in one line."""
    return SPACES.sub(" ", node.text()).strip().removesuffix(NEW_WINDOW).strip()


def says_no_result(root: LexborNode) -> bool:
    """Whether a page says that the search found nothing."""
    if root.css_first(NO_RESULT) is not None:
        return True
    return root.css_first("a[href]") is None and NO_RESULT_WORDS in root.text()


def clean_text(value: object) -> str:
    """A text out of JSON in one line; halves of characters, which JSON can hold and UTF-8 cannot, become `?`."""
    text = value if isinstance(value, str) else ""
    return SPACES.sub(" ", text.encode("utf-8", errors="replace").decode("utf-8")).strip()
