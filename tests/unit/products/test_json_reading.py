from typing import Any

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.products.json_reading import Node, parse_path, read_json


def node(value: Any, path: str = "data.x") -> Node:
    return Node(value, path, "shop product 7")


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a", ("a",)),
        ("data.goods[0].price", ("data", "goods", 0, "price")),
        ("[1][2].@type", (1, 2, "@type")),
    ],
)
def test_a_path_is_keys_and_list_places(path: str, steps: tuple[str | int, ...]):
    assert parse_path(path) == steps


@pytest.mark.parametrize("path", ["", ".a", "a.", "a..b", "a[", "a[x]", "a[-1]", "a b", "a.[0]"])
def test_what_is_no_path_is_refused(path: str):
    with pytest.raises(ValueError, match="is no JSON path"):
        parse_path(path)


def test_a_missing_key_or_list_place_is_named_with_the_whole_path_to_it():
    page = node({"goods": [{"price": 1}]}, "")
    assert page.at("goods[0].price").whole() == 1
    for path, said in [
        ("goods[0].name.x", "goods[0].name is missing"),
        ("goods[1]", "goods[1] is missing"),
        ("goods.price", "goods is a list, expected an object"),
        ("[0]", "the reply is an object, expected a list"),
    ]:
        with pytest.raises(PermanentError) as caught:
            page.at(path)
        assert caught.value.kind == "changed_structure"
        assert caught.value.message.startswith(f"shop product 7: {said}. If other products fail")


def test_an_optional_value_may_be_absent_or_null_but_not_of_another_type():
    page = node({"brand": None, "market": {"name": "x"}, "bad": 3}, "")
    assert page.find("brand.name") is None
    assert page.find("maker") is None
    assert (found := page.find("market.name")) is not None
    assert found.text() == "x"
    with pytest.raises(PermanentError, match="bad is 3, expected an object"):
        page.find("bad.name")


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (Node.text, "  a b ", "a b"),
        (Node.label, " a ", "a"),
        (Node.label, " ", None),
        (Node.whole, 0, 0),
        (Node.count, "10,562", 10562),
        (Node.count, 7, 7),
        (Node.rating, 4.8, 4.8),
        (Node.rating, 5, 5.0),
        (Node.rating, "4.9", 4.9),
        (Node.rating, 0, None),
        (Node.flag, False, False),
        (Node.word, 61560, "61560"),
        (Node.word, True, "true"),
    ],
)
def test_values_are_read_as_what_they_are(read: Any, value: Any, expected: Any):
    assert read(node(value)) == expected


@pytest.mark.parametrize(
    ("read", "value", "said"),
    [
        (Node.text, None, "is null"),
        (Node.text, "  ", "is '  '"),
        (Node.text, "a\0b", "expected a text"),
        (Node.text, 3, "is 3"),
        (Node.whole, True, "is true"),
        (Node.whole, -1, "is -1"),
        (Node.whole, 1.5, "is 1.5"),
        (Node.whole, 10**15, "is 1000000000000000"),
        (Node.count, "1,2", "is '1,2'"),
        (Node.rating, 98, "is 98"),
        (Node.rating, "five", "is 'five'"),
        (Node.rating, False, "is false"),
        (Node.flag, 1, "is 1, expected true or false"),
        (Node.label, 3, "is 3"),
        (Node.text, 10**15, "is 1000000000000000"),
        (Node.flag, "x" * 61, "x...'"),
        (Node.items, {}, "is an object, expected a list"),
        (Node.word, [], "is a list"),
    ],
)
def test_a_value_of_another_type_is_shown(read: Any, value: Any, said: str):
    with pytest.raises(PermanentError) as caught:
        read(node(value))
    assert caught.value.kind == "changed_structure"
    assert caught.value.message.startswith("shop product 7: data.x is ")
    assert said in caught.value.message


def test_a_word_that_the_shop_never_used_is_shown_with_those_that_it_did():
    with pytest.raises(PermanentError, match="data.x is 'NEW', expected one of SALE, OUT"):
        node("NEW").choose({"SALE": 1, "OUT": 2})


def test_a_document_in_place_of_json_is_a_block_whatever_it_says():
    with pytest.raises(PermanentError, match="the shop shows a web page instead") as caught:
        read_json(b"  <html>maintenance</html>", "shop list")
    assert caught.value.kind == "blocked"


def test_what_is_no_json_is_said_so():
    with pytest.raises(PermanentError, match="shop list: the reply is no JSON") as caught:
        read_json(b'{"a":', "shop list")
    assert caught.value.kind == "changed_structure"
