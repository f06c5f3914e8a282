"""The values that the tag dictionary is made of. No reading and no checking."""

import msgspec


class Term(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """A term of the dictionary, and a line of its canonical form, where what is empty or false is left out.

    Attributes:
        tag_id: The tag that a mention of it means.
        term: As it is shown; it is looked for in any case (`bb크림` finds `BB크림`).
        use: The term of the same tag that this is a synonym of; empty if it is none.
        parent: The tag above its tag; empty at the top.
        category: Of its tag.
        exact: Only by itself or with particles: for short terms.
        compounds: Also as the last part of a longer word.
    """

    tag_id: str
    term: str
    use: str = ""
    parent: str = ""
    category: str = ""
    exact: bool = False
    compounds: bool = False
