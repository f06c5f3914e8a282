"""Products that could not be read, as dead letters: who, why, how often, in which batch."""

import json
from collections.abc import Sequence

from platform_assets.products.batch_result import FailedItem
from platform_assets.products.batches import SCAN_PIPELINE, Batch
from resources.state.database import StateDatabase
from resources.state.dead_letters import DeadLetter, DeadLetterFilter, SqlDeadLetters


class SqlFailedItems:
    """Failed products in the state database. Safe to use from several threads.

    Args:
        database: The state database.
        retention_days: How long they are kept.
    """

    def __init__(self, database: StateDatabase, retention_days: float) -> None:
        self._letters = SqlDeadLetters(database)
        self._retention_days = retention_days

    def replace(self, batch: Batch, items: Sequence[FailedItem]) -> None:
        """Stores the failed products of a batch in place of those that are stored."""
        self._letters.remove(
            DeadLetterFilter(pipeline=SCAN_PIPELINE, tenant=batch.platform, partition=batch.key)
        )
        letters = [
            DeadLetter(
                SCAN_PIPELINE,
                batch.platform,
                batch.key,
                item.product_id,
                item.kind,
                item.message,
                json.dumps({"attempts": item.attempts}),
            )
            for item in items
        ]
        self._letters.add(letters, self._retention_days)
