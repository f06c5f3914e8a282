"""A tenant-source with fake steps over a store in memory, for tests of what is done with its tables."""

from dataclasses import replace
from pathlib import Path

from platform_assets.core.objects import ObjectInfo
from platform_assets.tags.keys import TableOutput, TenantSource
from platform_assets.tags.table.receipts import Receipt, read_receipt
from platform_assets.tags.table.work import TableWork
from platform_assets.tags.tables import RawTable, list_tables
from tests.fakes.memory_objects import MemoryObjectStore
from tests.fakes.tag_steps import FakeSteps

PLACE = TenantSource("acme", "board")


class WatchedStore(MemoryObjectStore):
    """Remembers what was written, in order."""

    def watch(self) -> list[str]:
        self.written: list[str] = []
        return self.written

    def put(self, key: str, data: bytes) -> ObjectInfo:
        self._note(key)
        return super().put(key, data)

    def put_if(self, key: str, data: bytes, etag: str | None) -> ObjectInfo:
        self._note(key)
        return super().put_if(key, data, etag)

    def put_file(self, key: str, path: Path, **kwargs: object) -> ObjectInfo:
        self._note(key)
        return super().put_file(key, path)

    def _note(self, key: str) -> None:
        getattr(self, "written", []).append(key.rpartition("/")[2])


class TableRig:
    def __init__(self, folder: Path) -> None:
        self.objects = WatchedStore()
        self.steps = FakeSteps()
        self.folder = folder

    def put(self, table_id: str, *lines: str) -> RawTable:
        self.objects.put(f"raw/acme/board/{table_id}.csv", "\n".join(lines).encode())
        return self.find(table_id)

    def find(self, table_id: str) -> RawTable:
        tables = list_tables(self.objects, PLACE).tables
        return next(table for table in tables if table.table_id == table_id)

    @property
    def work(self) -> TableWork:
        return TableWork(self.objects, PLACE, self.steps)

    def do(self, table: RawTable) -> Receipt:
        """In a folder of its own; forgets which steps were done before."""
        self.steps.done.clear()
        folder = self.folder / f"{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        return self.work.do(table, folder)

    def upgrade(self, **versions: str) -> None:
        """The next version of a step, of the dictionary, ..."""
        self.steps.versions = replace(self.steps.versions, **versions)

    def read(self, table_id: str, output: TableOutput) -> str:
        receipt = self.read_receipt(table_id)
        assert receipt is not None
        return self.objects.get(receipt.files[output]).decode()

    def read_receipt(self, table_id: str) -> Receipt | None:
        return read_receipt(self.objects, PLACE, table_id)
