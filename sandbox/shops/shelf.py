"""What one shop has on the day that it is, and what a reader should make of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from sandbox.igdb.hashing import salt_of
from sandbox.shops.faults import Fault
from sandbox.shops.generated import Catalogue
from sandbox.shops.goods import Product, Sale, Snapshot
from sandbox.shops.wires.wire import Kind, Question, Wire


class Shelf:
    """A catalogue on a day, in a shop's format.

    Args:
        wire: The format.
        catalogue: The products.
        broken: Share of the products that are answered as not found, whenever they are asked for.
    """

    def __init__(self, wire: Wire, catalogue: Catalogue, broken: float = 0.0) -> None:
        self.broken = broken
        self._wire = wire
        self._catalogue = catalogue
        self._listed: Sequence[Product] = ()
        self._by_id: dict[str, Product] = {}
        self.set_day(0)

    def set_day(self, day: int) -> None:
        """Makes it another day at once."""
        products = self._catalogue.on(day)
        self._by_id = {self._wire.write_id(product.number): product for product in products}
        self._listed = [product for product in products if not product.is_gone]

    def expect(self, day: int) -> dict[str, Snapshot]:
        """What a reader should make of each product on a day, by id; faults and broken products do not count."""
        snapshots = [self._wire.expect(product) for product in self._catalogue.on(day)]
        return {snapshot["product_id"]: snapshot for snapshot in snapshots}

    def is_broken(self, product_id: str) -> bool:
        """Whether a product is answered as not found although it is there."""
        return salt_of("broken", self._wire.name, product_id) / 2**64 < self.broken

    def answer(self, question: Question, fault: Fault | None = None) -> Any:  # noqa: ANN401 - any JSON
        """The data asked for, spoilt by a fault of `OF_DATA`; None where a shop answers 404.

        Of products that are not there every other one is a 404; the others are told of in a reply.
        """
        told = self._find(question, fault)
        return rename_keys(told) if fault is Fault.CHANGED_STRUCTURE and told else told

    def _find(self, question: Question, fault: Fault | None) -> dict[str, Any] | None:
        if question.kind is not Kind.PRODUCT:
            is_search = question.kind is Kind.SEARCH
            found = search(self._listed, question.target) if is_search else self._listed
            return self._wire.write_list(found, question)
        product = self._by_id.get(question.target)
        if product is None or product.is_gone:
            is_404 = salt_of(question.target) % 2 == 0
            return None if is_404 else self._wire.write_gone()
        if self.is_broken(question.target):
            return self._wire.write_gone()
        if fault is Fault.NO_PRICE:
            product = replace(product, sale=Sale.ON_SALE, original=None, discounted=None)
        return self._wire.write_product(product)


def search(products: Sequence[Product], keyword: str) -> Sequence[Product]:
    """Products with all words of the keyword in brand or name, in their order."""
    words = keyword.casefold().split()
    return [
        product
        for product in products
        if all(word in f"{product.brand} {product.name}".casefold() for word in words)
    ]


def rename_keys(value: object) -> object:
    """JSON in which no key has its name any more."""
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {f"{key}_v2": rename_keys(inner) for key, inner in fields.items()}
    if isinstance(value, list):
        return [rename_keys(inner) for inner in cast("list[object]", value)]
    return value
