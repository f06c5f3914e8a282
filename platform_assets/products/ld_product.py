"""The schema.org Product of a page, in the forms in which shops write it: which of several it is, and what it costs.

    scripts -> objects -> Products and ProductGroups -> the page's own -> its offers in one form

What is not clear is an error that says why; a price is never taken from another product. How a page is turned into
scripts is `next_data.py`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from platform_assets.core.errors import PermanentError
from platform_assets.products.faults import changed_structure
from platform_assets.products.json_reading import Node
from platform_assets.products.prices import compare_price

Fields = Mapping[str, Any]

_PRODUCT, _GROUP = "Product", "ProductGroup"
_DEPTH = 4
"""Objects of pages lie at most so deep: script, graph, page, main entity."""

_NESTED = ("@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "item")
_NAMES = ("sku", "productID", "@id", "url", "mpn", "gtin13", "productGroupID")
_NOT_PAID = ("listprice", "strikethroughprice", "msrp", "srp", "regularprice", "invoiceprice")
_SOLD = ("instock", "limitedavailability", "onlineonly", "backorder", "presale", "preorder")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page was asked for.

    Attributes:
        product_id: The shop's id.
        url: The page for people.
        canonical: What the page says its own address is; None when it does not say.
    """

    product_id: str
    url: str
    canonical: str | None = None


@dataclass(frozen=True, slots=True)
class LdNode(Node):
    """A node of a Product: a list of one thing is as good as the thing, and of offers the lowest that can be bought.

    Attributes:
        lowest: Whether there were several prices, of which the lowest was taken.
    """

    lowest: bool = False

    def step(self, step: str | int) -> Node | None:
        """As `Node.step`."""
        node = self
        if isinstance(step, str) and isinstance(self.value, list) and self.value:
            node = LdNode(self.value[0], self._join(0), self.page)  # the offers are sorted
        elif step == 0 and isinstance(self.value, dict):
            return self
        found = Node.step(node, step)
        return None if found is None else LdNode(found.value, found.path, found.page)


def find_product(objects: Iterable[Fields], wanted: Wanted, page: str) -> LdNode | None:
    """The page's own Product; None when there is none at all.

    Args:
        objects: Of all scripts of the page, in their order.
        wanted: What was asked for.
        page: Names the page in errors.

    Raises:
        PermanentError: kind `changed_structure`: several differ, and none names what was asked for.
    """
    products: list[Fields] = []
    main: list[Fields] = []
    for each, is_main in _walk(objects):
        if _is_a(each, _PRODUCT) or _is_a(each, _GROUP):
            products.append(each)
            main += [each] if is_main else []
    if not products:
        return None
    own = _narrow(_choose(products, main, wanted, page), wanted)
    offers, lowest = _list_offers(own)
    fields = {**own, "offers": offers} if offers else dict(own)
    return LdNode(fields, "", page, lowest)


def _walk(objects: Iterable[Fields]) -> Iterator[tuple[Fields, bool]]:
    """All objects, with those in them that stand for the page, and whether they are its main entity."""
    waiting = [(each, False, 0) for each in objects]
    ids = _index_ids(objects)
    while waiting:
        each, is_main, depth = waiting.pop(0)
        yield each, is_main
        if depth >= _DEPTH or _is_a(each, _PRODUCT) or _is_a(each, _GROUP):
            continue
        for name in _NESTED:
            for inner in _list_objects(each.get(name)):
                found = _resolve(inner, ids)
                waiting.append((found, name == "mainEntity", depth + 1))


def _index_ids(objects: Iterable[Fields]) -> Mapping[str, Fields]:
    found: dict[str, Fields] = {}
    for each in objects:
        for inner in (each, *_list_objects(each.get("@graph"))):
            if isinstance(name := inner.get("@id"), str) and len(inner) > 1:
                found.setdefault(name, inner)
    return found


def _resolve(inner: Fields, ids: Mapping[str, Fields]) -> Fields:
    """The object that another one stands for by its @id alone."""
    name = inner.get("@id")
    return ids.get(name, inner) if isinstance(name, str) and len(inner) == 1 else inner


def _choose(products: list[Fields], main: list[Fields], wanted: Wanted, page: str) -> Fields:
    """The page's own product: its main entity, the one that names what was asked for, or the only one."""
    for group in (main, [each for each in products if _names(each, wanted)], products):
        if group and _are_alike(group):
            return group[0]
    raise changed_structure(
        page,
        f"the page has {len(products)} Products of different prices, and not one of them alone names "
        f"{wanted.product_id[:80]} in its sku, productID, @id or url: which is the page's own cannot be told",
    )


def _are_alike(products: list[Fields]) -> bool:
    """Whether it does not matter which of them is taken."""
    first = products[0]
    return all(each.get("offers") == first.get("offers") for each in products[1:])


def _names(product: Fields, wanted: Wanted) -> bool:
    """Whether a product, one of its variants or one of its offers says that it is the one that was asked for."""
    if any(_is_same(product.get(name), wanted) for name in _NAMES):
        return True
    inner = [*_list_objects(product.get("offers")), *_list_objects(product.get("hasVariant"))]
    return any(_is_same(each.get(name), wanted) for each in inner for name in ("url", "@id", "sku"))


def _is_same(value: object, wanted: Wanted) -> bool:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text:
        return False
    if text == wanted.product_id:
        return True
    if "/" not in text:
        return False
    return _address(text) in {_address(url) for url in (wanted.url, wanted.canonical) if url} or (
        _holds(_address(text), wanted.product_id)
    )


def _address(url: str) -> str:
    """Path and query of a URL; hosts, schemes and fragments differ between a page and what it says of itself."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    path = unquote(parts.path).rstrip("/")
    return f"{path}?{parts.query}" if parts.query else path


def _holds(address: str, product_id: str) -> bool:
    """Whether an address has the id as a word of its own: /p/12 has 12, /p/123 has not."""
    pattern = rf"(?<![A-Za-z0-9]){re.escape(product_id)}(?![A-Za-z0-9])"
    return re.search(pattern, address) is not None


def _narrow(product: Fields, wanted: Wanted) -> Fields:
    """Of a group of variants the one that was asked for, if it is one of them; else the group with all their offers."""
    variants = _list_objects(product.get("hasVariant"))
    named = [each for each in variants if _names(each, wanted)]
    if len(named) == 1:
        return {**product, **named[0]}
    if product.get("offers") or not variants:
        return product
    offers = [offer for each in variants for offer in _list_objects(each.get("offers"))]
    return {**product, "offers": offers}


def _list_offers(product: Fields) -> tuple[list[dict[str, Any]], bool]:
    """The offers of a product, each with a price of its own, the best first; and whether their prices differ."""
    offers: list[dict[str, Any]] = []
    ranged = False
    for each in _list_objects(product.get("offers")):
        inner = _list_objects(each.get("offers"))
        if "price" not in each and "lowPrice" not in each and inner:
            offers += [_settle(offer) for offer in inner]
        else:
            ranged = ranged or each.get("highPrice", each.get("lowPrice")) != each.get("lowPrice")
            offers.append(_settle(each))
    offers.sort(key=_rank)
    can_be_bought = [each for each in offers if _is_sold(each)] or offers
    prices = {str(each.get("price")) for each in can_be_bought}
    return offers, ranged or len(prices) > 1


def _settle(offer: Fields) -> dict[str, Any]:
    """An offer whose price stands in `price`."""
    settled = dict(offer)
    if settled.get("price") in (None, ""):
        found = settled.get("lowPrice")
        if found in (None, ""):
            found, currency = _find_specified(offer)
            settled.setdefault("priceCurrency", currency)
        if found is not None:
            settled["price"] = found
    return settled


def _find_specified(offer: Fields) -> tuple[Any, Any]:
    """The price that is paid, and its currency, of an offer that specifies it elsewhere; None if that is not one."""
    paid = [
        each
        for each in _list_objects(offer.get("priceSpecification"))
        if each.get("price") not in (None, "") and not _is_list_price(each)
    ]
    if len({str(each["price"]) for each in paid}) != 1:
        return None, None
    return paid[0]["price"], paid[0].get("priceCurrency")


def _is_list_price(specification: Fields) -> bool:
    kind = str(specification.get("priceType", "")).rpartition("/")[2].lower()
    return kind in _NOT_PAID or "referenceQuantity" in specification


def _rank(offer: Fields) -> tuple[bool, float]:
    """What can be bought first, then the lowest price; what has none last."""
    return not _is_sold(offer), compare_price(offer.get("price"))


def _is_sold(offer: Fields) -> bool:
    return short_name(str(offer.get("availability", "InStock"))).lower() in _SOLD


def short_name(value: str) -> str:
    """A word of schema.org without its address: InStock of https://schema.org/InStock."""
    return re.sub(
        r"^https?://(www\.)?schema\.org/|^schema:", "", value.strip(), flags=re.IGNORECASE
    )


def _is_a(fields: Fields, kind: str) -> bool:
    kinds = fields.get("@type")
    names = cast("list[Any]", kinds) if isinstance(kinds, list) else [kinds]
    return any(short_name(name) == kind for name in names if isinstance(name, str))


def _list_objects(value: object) -> list[Fields]:
    values = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [cast("Fields", each) for each in values if isinstance(each, dict)]


def check_currency(product: Node, currency: str) -> None:
    """Checks that the offers are in the shop's currency, where they name one.

    Raises:
        PermanentError: kind `changed_structure`: they are in another one.
    """
    try:
        named = product.find("offers.priceCurrency")
    except PermanentError:
        return  # no offers in a known form: the price's own error says so
    if named is not None and named.word().upper() != currency:
        raise named.changed(f"{currency}, the currency of the shop")
