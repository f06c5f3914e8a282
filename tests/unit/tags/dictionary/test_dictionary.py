import json
import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import RefusedError
from platform_assets.tags.dictionary.dictionary import Dictionary, dump, load_dictionary, parse
from platform_assets.tags.dictionary.folding import fold
from platform_assets.tags.dictionary.rows import COLUMNS
from platform_assets.tags.dictionary.terms import Term

HEADER = ",".join(COLUMNS)


def load(*rows: str, header: str = "tag_id,term,synonyms,parent,category,use,exact,compounds"):
    return load_dictionary("\n".join([header, *rows]).encode(), "tags.csv")


def refuse(*rows: str, header: str = HEADER) -> str:
    with pytest.raises(RefusedError) as error:
        load(*rows, header=header)
    assert error.value.kind == "bad_dictionary"
    return error.value.message


def test_terms_and_synonyms_are_terms_of_their_tag():
    dictionary = load("S,피부", "T,여드름,뾰루지|트러블,S,고민", ",뾰루찌,,,,뾰루지").dictionary
    assert dictionary.terms == (
        Term("S", "피부"),
        Term("T", "뾰루지", use="여드름", parent="S", category="고민"),
        Term("T", "뾰루찌", use="여드름", parent="S", category="고민"),
        Term("T", "여드름", parent="S", category="고민"),
        Term("T", "트러블", use="여드름", parent="S", category="고민"),
    )


def test_spellings_are_composed_and_their_spaces_collapsed():
    decomposed = unicodedata.normalize("NFD", "여드름")
    assert load(f" T , {decomposed}   흉터 ").dictionary.terms == (Term("T", "여드름 흉터"),)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_encodings_that_a_spreadsheet_writes_are_read(encoding: str):
    data = "tag_id,term\nT,여드름\n".encode(encoding)
    assert load_dictionary(data, "tags.csv").dictionary.terms == (Term("T", "여드름"),)


def test_csv_and_json_lines_say_the_same():
    rows = [
        {"tag_id": "T", "term": "크림", "synonyms": ["연고"], "compounds": True},
        {"tag_id": "A", "term": "암", "exact": "yes", "synonyms": "", "parent": None},
    ]
    lines = "\n\n".join(json.dumps(row) for row in rows)
    written = load("A,암,,,,,true,", "T,크림,연고,,,,,1").dictionary
    assert load_dictionary(lines.encode(), "tags.JSONL").dictionary == written


def test_an_empty_or_blank_term_is_a_problem():
    message = refuse("T,", "T,  ", 'T,여드름,"뾰루지||트러블"')
    assert "line 2: the term is empty" in message
    assert "line 3: the term is empty" in message
    assert "line 4: a synonym is empty" in message


def test_a_row_without_a_tag_is_a_problem():
    assert "line 2: the row has neither a tag_id nor a term to `use`" in refuse(",여드름")


def test_a_term_under_two_tags_is_a_problem_that_names_both_lines():
    message = refuse("T,여드름", "S,피부,BB 크림", "U,bb  크림")
    assert "line 4: `bb 크림` is a term of tag U, and of tag S on line 3" in message


def test_a_term_that_is_there_twice_under_one_tag_is_merged_and_told():
    loaded = load("T,여드름,뾰루지", "T,뾰루지", "T,여드름")
    assert loaded.dictionary.terms == (Term("T", "뾰루지"), Term("T", "여드름"))
    assert "`뾰루지` on line 3 (first on line 2)" in loaded.notes[0]
    assert "`여드름` on line 4 (first on line 2)" in loaded.notes[0]


def test_merged_spellings_do_not_depend_on_their_order():
    one, other = load("T,bb크림", "T,BB크림"), load("T,BB크림", "T,bb크림")
    assert one.dictionary == other.dictionary
    assert one.dictionary.terms == (Term("T", "BB크림"),)


def test_a_term_within_another_is_allowed_and_told():
    (note,) = load("T,크림", "U,수분 크림", "V,로션").notes
    assert note.endswith("`크림` in `수분 크림`")


def test_one_character_needs_exact():
    assert "line 2: `암` has one character" in refuse("T,암")
    assert "line 2: `암` has one character" in refuse("T,암종,암")
    assert load("T,암종,암,,,,true").dictionary.terms[0] == Term("T", "암", use="암종", exact=True)


def test_exact_and_compounds_exclude_each_other():
    assert "line 2: a term cannot be exact and" in refuse("T,크림,,,,,true,true")


def test_a_circle_of_synonyms_is_printed():
    message = refuse("T,피부", ",나나,,,,다다", ",다다,,,,가가", ",가가,,,,나나", ",라라,,,,가가")
    circle = "나나 (line 3) -> 다다 (line 4) -> 가가 (line 5) -> 나나 (line 3)"
    assert message.count(circle) == 1
    assert "1 problem;" in message


def test_a_term_that_is_to_be_used_for_itself_is_a_circle():
    assert "가가 (line 2) -> 가가 (line 2)" in refuse(",가가,,,,가가")


def test_a_circle_of_parents_is_printed():
    message = refuse("C,다다,,A", "A,가가,,B", "B,나나,,C", "D,라라,,A")
    assert message.count("C (line 2) -> A (line 3) -> B (line 4) -> C (line 2)") == 1


def test_what_is_referred_to_exists():
    message = refuse("T,여드름,,X", ",뾰루지,,,,고름")
    assert "line 2: the parent `X` is no tag_id" in message
    assert "line 3: `고름`, which is to be used, is no term" in message


def test_a_synonym_row_of_another_tag_is_a_problem():
    message = refuse("T,여드름", "S,뾰루지,,,,여드름")
    assert "line 3: `뾰루지` is of tag S" in message


def test_rows_of_a_tag_agree_on_its_parent_and_category():
    message = refuse("S,피부", "R,얼굴", "T,여드름,,S,가", "T,뾰루지,,R,나")
    assert "line 5: tag T has the parent `R`, and `S` on line 4" in message
    assert "line 5: tag T has the category `나`, and `가` on line 4" in message


def test_flags_of_a_term_that_is_there_twice_agree():
    assert "line 3: `크림` has other flags" in refuse("T,크림", "T,크림,,,,,,true")


def test_all_problems_are_in_one_message_of_which_twenty_are_shown():
    message = refuse(*["T,"] * 33)
    assert "33 problems" in message
    assert message.count("the term is empty") == 20
    assert message.endswith("and 13 more")


@pytest.mark.parametrize(
    ("header", "row", "problem"),
    [
        ("tag_id,term,synonim", "T,여드름,", "line 1: unknown column `synonim`"),
        ("tag_id,name", "T,여드름", "line 1: the header has no column `term`"),
        ("", "", "line 1: the header has no column `term`"),
        ("tag_id,term,term", "T,여드름,", "line 1: the header has the column `term` twice"),
        ("tag_id,term", "T,여드름,x", "line 2: 3 cells, and the header has 2"),
        ("tag_id,term", 'T,"여드름', "line 2: it cannot be read as CSV"),
        ("tag_id,term,exact", "T,여드름,maybe", "line 2: `exact` is 'maybe', not true or false"),
        ("tag_id,term", f"T,{'가' * 201}", "line 2: `term` has 201 characters"),
        ("tag_id,term", "T,여드\x00름", "line 2: `term` has a character that cannot be seen"),
        ("tag_id,term", "", "has no terms"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_says_where(header: str, row: str, problem: str):
    assert problem in refuse(row, header=header)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "it is no JSON"),
        ("[1]", "it is no JSON object"),
        ('{"term": 1, "tag_id": "T"}', "`term` is no text"),
        ('{"term": "가나", "tag_id": "T", "synonyms": 1}', "`synonyms` is neither text nor a list"),
        ('{"term": "가나", "tag_id": "T", "synonyms": [1]}', "`synonyms` is no text"),
        ('{"term": "가나", "tag_id": "T", "exact": 1}', "`exact` is 1, not true or false"),
        ('{"term": "가나", "tag": "T"}', "unknown column `tag`"),
        ("[" * 100_000, "it is no JSON"),
    ],
)
def test_a_line_that_is_not_as_it_should_be_says_so(line: str, problem: str):
    with pytest.raises(RefusedError, match=problem.replace("[", r"\[")) as error:
        load_dictionary(line.encode(), "tags.jsonl")
    assert "line 1: " in error.value.message


@pytest.mark.parametrize(
    ("data", "name", "problem"),
    [
        (b"\xff\xff", "tags.csv", "neither UTF-8 nor CP949"),
        (b"tag_id,term", "tags.xlsx", "tags.xlsx is neither .csv nor .jsonl"),
    ],
)
def test_another_file_is_refused(data: bytes, name: str, problem: str):
    with pytest.raises(RefusedError, match=problem):
        load_dictionary(data, name)


def test_a_line_number_counts_lines_within_cells():
    assert "line 4: the term is empty" in refuse('T,"여드름\n흉터"', "T,")


_WORDS = st.text("가나다라BbéA 😀", min_size=2, max_size=5).filter(
    lambda text: len(text.strip()) > 1
)
_TEXTS = _WORDS.map(lambda text: " ".join(text.split())).filter(lambda text: len(text) > 1)


@st.composite
def dictionaries(draw: st.DrawFn) -> Dictionary:
    words = draw(st.lists(_TEXTS, min_size=1, max_size=12, unique_by=fold))
    tags = {tag: draw(st.sampled_from(["", "기타"])) for tag in ("T1", "T2", "T3")}
    mains = {tag: words[number] for number, tag in enumerate(tags) if number < len(words)}
    terms = [Term(tag, main, category=tags[tag]) for tag, main in mains.items()]
    for word in words[len(mains) :]:
        tag = draw(st.sampled_from(list(mains)))
        use = draw(st.sampled_from(["", mains[tag]]))
        flag = draw(st.sampled_from(["", "exact", "compounds"]))
        exact, compounds = flag == "exact", flag == "compounds"
        term = Term(tag, word, use, category=tags[tag], exact=exact, compounds=compounds)
        terms.append(term)
    return Dictionary(tuple(sorted(terms)))


@given(dictionaries())
def test_what_is_dumped_is_parsed_and_loaded_as_it_was(dictionary: Dictionary):
    data = dump(dictionary)
    assert parse(data) == dictionary
    assert load_dictionary(data, "tags.jsonl").dictionary == dictionary


@given(dictionaries(), st.randoms(use_true_random=False))
def test_the_version_depends_on_the_terms_alone(dictionary: Dictionary, shuffle: random.Random):
    lines = dump(dictionary).decode().splitlines()
    shuffle.shuffle(lines)
    rows = [json.loads(line) for line in lines]
    cells = [[str(row.get(column, "")) for column in COLUMNS] for row in rows]
    table = "\n".join([HEADER, *(",".join(row) for row in cells)])
    loaded = load_dictionary(table.encode(), "tags.csv").dictionary
    assert loaded.version == dictionary.version
    assert len(dictionary.version) == 16


def test_another_term_is_another_version():
    versions = {
        load(row).dictionary.version for row in ("T,가가", "T,나나", "S,가가", "T,가가,,,x")
    }
    assert len(versions) == 4


def test_the_version_of_a_dictionary_stays_what_it_is():
    assert load("T,여드름").dictionary.version == "9e7c67023e9a1fa1"
    assert dump(load("T,여드름").dictionary) == '{"tag_id":"T","term":"여드름"}\n'.encode()


def test_a_damaged_canonical_form_is_refused():
    for data in (b'{"tag_id":"T"}\n', b'{"tag_id":"T","term":"\xff"}\n', b"\n", b"[]"):
        with pytest.raises(RefusedError) as error:
            parse(data)
        assert error.value.kind == "bad_dictionary"
