"""Olist's order items of 2016 to 2018 as events: a tenant is a seller, an event is one item of an order.

The time is the shipping limit (when the order was placed is not in the data), the amount the price without freight.
Customers are not in the data either: every event is anonymous. Four rows are in 2020, far after the rest.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from sandbox.tenants.events import PURCHASE, Event
from sandbox.tenants.months import write_time
from sandbox.tenants.real import RealEvent, find_file

_FILE = "olist/olist_order_items_dataset.parquet"
_COLUMNS = ["order_id", "order_item_id", "seller_id", "shipping_limit_date", "price"]
_BATCH_ROWS = 10_000


def read_olist(folder: Path) -> Iterator[RealEvent]:
    """All items, in the order of the file.

    Raises:
        RefusedError: The file is not there.
    """
    with pq.ParquetFile(find_file(folder, _FILE)) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=_COLUMNS):
            columns = (batch.column(name).to_pylist() for name in _COLUMNS)
            for order, item, seller, limit, price in zip(*columns, strict=True):
                event = Event(
                    event_id=f"{order}-{item}",
                    customer_id=None,
                    event_at=write_time(limit),
                    event_type=PURCHASE,
                    order_id=order,
                    quantity=1,
                    amount=f"{price:.2f}",
                    updated_at=None,
                )
                yield RealEvent(seller, f"Seller {seller[:8]}", event)
