"""The products that are scanned every day: those that a list, a search or a person has named."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, select, text

from platform_assets.products.product import ListedProduct
from resources.state.columns import ForeignText, UtcDateTime
from resources.state.database import StateDatabase
from resources.state.statements import split_chunks
from resources.state.tables import known_products

# The same text on both databases. Who found a product first stays.
_ADD = text(
    "INSERT INTO known_products (platform, product_id, name, found_by, added_at, listed_at) "
    "VALUES (:platform, :product_id, :name, :found_by, :now, :now) "
    "ON CONFLICT (platform, product_id) DO UPDATE SET name = excluded.name, listed_at = excluded.listed_at"
).bindparams(
    bindparam("product_id", type_=ForeignText()),
    bindparam("name", type_=ForeignText()),
    bindparam("now", type_=UtcDateTime()),
)


class SqlKnownProducts:
    """Known products in the state database. Safe to use from several threads.

    Args:
        database: The state database; its clock stamps the rows.
    """

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def add(self, platform: str, products: Sequence[ListedProduct], found_by: str) -> int:
        """Adds products; of those that are known the name is brought up to date.

        Args:
            platform: Their shop.
            products: What was found.
            found_by: `list`, `search` or `import`.

        Returns:
            How many were not known before.
        """
        if not products:
            return 0
        now = self._database.clock.now()
        rows = [
            {
                "platform": platform,
                "product_id": product.product_id,
                "name": product.name,
                "found_by": found_by,
                "now": now,
            }
            # In one order everywhere: two writers that lock the same rows do not block each other.
            for product in sorted(products, key=lambda each: each.product_id)
        ]
        with self._database.write() as connection:
            before = connection.scalar(_COUNT, {"b_platform": platform}) or 0
            connection.execute(_ADD, rows)
            return (connection.scalar(_COUNT, {"b_platform": platform}) or 0) - before

    def list_ids(self, platform: str) -> list[str]:
        """Ids of a platform's products, sorted."""
        with self._database.read() as connection:
            return sorted(connection.scalars(_IDS, {"b_platform": platform}))

    def count(self) -> dict[str, int]:
        """Products by platform."""
        with self._database.read() as connection:
            return {row.platform: row.products for row in connection.execute(_COUNTS)}

    def remove(self, platform: str, product_ids: Sequence[str]) -> int:
        """Takes products off: they are scanned no more. Returns how many were known."""
        with self._database.write() as connection:
            return sum(
                connection.execute(
                    delete(known_products).where(
                        known_products.c.platform == platform,
                        known_products.c.product_id.in_(chunk),
                    )
                ).rowcount
                for chunk in split_chunks(product_ids)
            )


_OF_PLATFORM = known_products.c.platform == bindparam("b_platform")
_COUNT = select(func.count()).select_from(known_products).where(_OF_PLATFORM)
_IDS = select(known_products.c.product_id).where(_OF_PLATFORM)
_COUNTS = (
    select(known_products.c.platform, func.count().label("products"))
    .group_by(known_products.c.platform)
    .order_by(known_products.c.platform)
)
