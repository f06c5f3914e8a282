"""Work of every client that speaks HTTP: a few pieces, one of them asked for in requests that hold a marker.

Real services in a home of their own, with waits of hundredths of a second where the real ones wait for seconds. An
attempt says what came out; whether that is right is decided in `upstreams.py`.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import msgspec
from pydantic import SecretStr

from benchmarks.reliability.misbehaving import Good, Reply, relay
from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.engine.run import OnProgress
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.units import Report, Scope
from platform_assets.core.errors import PlatformError
from platform_assets.core.jobs import Job, TaskState
from platform_assets.games.collect import Collector, collect, examine
from platform_assets.games.entities import find_entity
from platform_assets.games.landing import Day, read_manifest, read_part
from platform_assets.games.plan import Mode
from platform_assets.products.batches import SCAN_PIPELINE, Batch
from platform_assets.products.open import ShopServices
from platform_assets.products.platform import ShopPlatform, WorkerKind
from platform_assets.products.scan import Scanner
from platform_assets.products.source import ShopSource
from platform_assets.ranks.open import RankServices
from platform_assets.ranks.search_page import PageHost, SearchPage
from platform_assets.ranks.source import PageSource
from platform_assets.services import Services
from platform_assets.settings import Gear, Settings
from resources.alerts.webhook import Delivery, Webhook, WebhookPolicy
from resources.caps.limits import Cap
from resources.http.client import HttpPolicy
from resources.http.wire import HttpTimeouts
from resources.igdb.client import IGDB_ERRORS
from resources.naver.http import NaverHttp
from resources.runners.http_service import HttpServicePolicy, HttpServiceRunner
from resources.shops.browser import BrowserShops
from resources.shops.http import SHOP_ERRORS, HttpShops
from resources.state.cap_states import SqlCapStates
from sandbox.process import SandboxProcess

EXCHANGE_SECONDS = 2.0
TRIES = 2
TIMEOUTS = HttpTimeouts(connect=1.5, read=1.5, write=1.5, pool=1.5, exchange=EXCHANGE_SECONDS)
RETRY = RetryPolicy(
    attempts=TRIES,
    first_wait_seconds=0.02,
    longest_wait_seconds=0.05,
    longest_retry_after_seconds=0.1,
)
BODY_BYTES = 8 * 1024 * 1024
POLICY = HttpPolicy(timeouts=TIMEOUTS, retry=RETRY, throttle_limit=3, body_bytes=BODY_BYTES)
DAY = "2026-03-01"
GAMES = find_entity("games")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt at a work came to.

    Attributes:
        values: Piece -> what is known of it now, by its digest.
        failed: The kinds of the pieces that failed.
        stopped: Kind of what ended all of it; empty if nothing did.
        whole: Whether it says that nothing is missing.
        texts: Messages of the failures.
    """

    values: Mapping[str, str]
    failed: tuple[str, ...] = ()
    stopped: str = ""
    whole: bool = True
    texts: tuple[str, ...] = ()


Try = Callable[[], Awaitable[Attempt]]


@dataclass(frozen=True, slots=True)
class Client:
    """A client of the platform and a work for it.

    Attributes:
        name: In the table.
        upstream: Its sandbox's name and options; None for one that `good` answers.
        good: What an upstream without a sandbox answers.
        marker: In the requests for one piece.
        open: Opens the client for an upstream's URL, in a fresh folder; what it gives works once, again at each call.
    """

    name: str
    marker: bytes
    open: Callable[[Path, str], AbstractAsyncContextManager[Try]]
    upstream: tuple[str, tuple[str, ...]] | None = None
    good: Good | None = None

    @contextmanager
    def start_upstream(self) -> Generator[int]:
        """The good upstream's port; 0 where it is a function."""
        if self.upstream is None:
            yield 0
            return
        name, options = self.upstream
        with SandboxProcess(options, upstream=name) as sandbox:
            yield int(sandbox.url.rpartition(":")[2])

    def find_good(self, port: int) -> Good:
        """What a request gets from the good upstream."""
        return self.good or relay(port)


def digest(value: object) -> str:
    """Of what JSON can hold."""
    text = value if isinstance(value, bytes) else json.dumps(value, sort_keys=True, default=str)
    return sha256(text if isinstance(text, bytes) else text.encode()).hexdigest()[:12]


def _describe(report: Report, values: Mapping[str, str]) -> Attempt:
    failures = [*report.failures, *report.given_back]
    stopped = (report.stop_kind or "stopped") if report.stop else ""
    texts = [each.message for each in failures] + ([report.stop.message] if report.stop else [])
    return Attempt(
        values, tuple(each.kind for each in failures), stopped, report.complete, tuple(texts)
    )


def _stopped(error: PlatformError, values: Mapping[str, str]) -> Attempt:
    return Attempt(values, (), error.kind, whole=False, texts=(error.message,))


def _hurry(policy: RunPolicy) -> RunPolicy:
    """The same tries, and a Retry-After of at most a tenth of a second instead of two minutes."""
    longest = RETRY.longest_retry_after_seconds
    return replace(policy, retry=replace(policy.retry, longest_retry_after_seconds=longest))


def _settings(home: Path, **values: object) -> Settings:
    return Settings.model_validate({"home": home, "log_file": Path("/dev/null"), **values})


@asynccontextmanager
async def _open_games(home: Path, url: str, gear: Gear = Gear.OFF) -> AsyncGenerator[Try]:
    services = Services(
        _settings(
            home,
            igdb_api_url=f"{url}/v4",
            igdb_token_url=f"{url}/oauth2/token",
            igdb_client_id="sandbox-client",
            igdb_client_secret=SecretStr("sandbox-secret"),
            igdb_requests_per_second=200.0,
            igdb_multiquery=gear,
        )
    )
    services.igdb = replace(services.igdb, policy=replace(POLICY, table=IGDB_ERRORS))
    try:
        async with services.open_collector() as collector:
            patience = replace(collector.policy, retry=RETRY)
            yield lambda: _collect(replace(collector, policy=patience), services)
    finally:
        services.state.close()


async def _collect(collector: Collector, services: Services) -> Attempt:
    try:
        done = await collect(collector, GAMES, DAY, Mode.FULL)
        said = _describe(done.report, _read_games(services))
        if done.segment is None:
            return said
        findings = await examine(collector, GAMES, done.segment)
    except PlatformError as error:
        return _stopped(error, _read_games(services))
    told = tuple(finding for finding in findings if not finding.passed)
    return replace(
        said,
        failed=said.failed + tuple(finding.name for finding in told),
        whole=said.whole and not told,
        texts=said.texts + tuple(finding.text for finding in told),
    )


def _read_games(services: Services) -> dict[str, str]:
    manifest = read_manifest(services.objects, Day("games", DAY))
    if manifest is None:
        return {}
    lines = b"".join(read_part(services.objects, part) for part in manifest.parts())
    decode = msgspec.json.Decoder(dict[str, object]).decode_lines
    return {str(record["id"]): digest(record) for record in decode(lines)}


class _OneShop(ShopServices):
    """A shop in a hurry whose client stays open."""

    kept: ShopSource

    @asynccontextmanager
    async def open_shop(self, platform: ShopPlatform) -> AsyncGenerator[ShopSource]:
        del platform
        yield self.kept

    @property
    def _openers(self) -> Mapping[WorkerKind, HttpShops | BrowserShops]:
        policy = replace(POLICY, table=SHOP_ERRORS)
        return {WorkerKind.HTTP: HttpShops(SqlCapStates(self._state), self._clock, policy)}

    def find_cap(self, platform: ShopPlatform) -> Cap:
        return replace(super().find_cap(platform), requests=200)

    def _make_scanner(
        self, platform: ShopPlatform, source: ShopSource, on_progress: OnProgress | None
    ) -> Scanner:
        scanner = super()._make_scanner(platform, source, on_progress)
        return replace(scanner, policy=_hurry(scanner.policy))

    @asynccontextmanager
    async def keep_open(self, platform: ShopPlatform) -> AsyncGenerator[None]:
        async with super().open_shop(platform) as self.kept:
            yield

    async def scan(self, batch: Batch) -> Attempt:
        try:
            result = await self.scan_batch(batch)
        except PlatformError as error:
            return _stopped(error, self._read(batch))
        said = _describe(result.report, self._read(batch))
        return replace(said, whole=said.whole and not result.failures and not result.reason)

    def _read(self, batch: Batch) -> dict[str, str]:
        plan = self._ledger.find_plan(Scope(SCAN_PIPELINE, batch.platform, batch.key))
        records = self._ledger.read_units(plan) if plan else ()
        return {
            record.unit.unit_id: digest({**record.detail, "scanned_at": None})
            for record in records
            if record.detail is not None
        }


@asynccontextmanager
async def _open_shop(home: Path, url: str) -> AsyncGenerator[Try]:
    settings = _settings(home, shop_musinsa_url=f"{url}/musinsa")
    services = Services(settings)
    shops = _OneShop(settings, services.state, services.objects, services.ledger, services.clock)
    platform = shops.find_platform("musinsa")
    try:
        async with shops.keep_open(platform):
            (planned,) = await shops.split_day("musinsa", DAY)
            yield lambda: shops.scan(planned.batch)
    finally:
        services.state.close()


@dataclass(frozen=True, slots=True)
class _HastyPages:
    """A host that turns us away is left alone for a tenth of a second at most, instead of five minutes."""

    pages: PageSource

    async def fetch(self, page: SearchPage) -> bytes:
        return await self.pages.fetch(page)

    def slow_down(self, host: PageHost, seconds: float) -> None:
        self.pages.slow_down(host, min(seconds, RETRY.longest_retry_after_seconds))


class _QuickRanks(RankServices):
    """Ranks in a hurry whose client stays open."""

    kept: PageSource

    @asynccontextmanager
    async def open_source(self) -> AsyncGenerator[PageSource]:
        yield self.kept

    @asynccontextmanager
    async def keep_open(self) -> AsyncGenerator[None]:
        opener = self._opener
        assert isinstance(opener, NaverHttp)
        async with replace(opener, policy=POLICY).open() as pages:
            self.kept = _HastyPages(pages)
            yield

    @property
    def _crawl_policy(self) -> RunPolicy:
        return _hurry(super()._crawl_policy)

    async def capture(self) -> Attempt:
        day = self.today
        try:
            crawl = await self.crawl(day)
            read = await self.read_day(day)
        except PlatformError as error:
            return _stopped(error, self._read(day))
        said = _describe(crawl.report, self._read(day))
        return replace(
            said,
            # A tracking whose page failed fails with it: told once.
            failed=said.failed or tuple(each.kind for each in read.failures),
            whole=read.complete,
        )

    def _read(self, day: str) -> dict[str, str]:
        records = self.histories.read_day(day)
        return {
            str(each.capture.tracking_id): digest(each.capture.result_count) for each in records
        }


@asynccontextmanager
async def _open_ranks(home: Path, url: str) -> AsyncGenerator[Try]:
    settings = _settings(
        home,
        naver_url=url,
        naver_map_url=url,
        rank_source="http",
        crawl_delay_seconds=0.02,
        crawl_retry_seconds=0.05,
    )
    services = Services(settings)
    ranks = _QuickRanks(settings, services.state, services.objects, services.ledger, services.clock)
    for number in range(0 if ranks.trackings.list() else 4):
        ranks.register("blog", f"cafe{number}", f"blog.naver.com/nobody/{10**11 + number}", "acme")
    try:
        async with ranks.keep_open():
            yield ranks.capture
    finally:
        services.state.close()


async def _serve_tasks(request: bytes) -> Reply:
    """A tags service whose tasks are done at once."""
    if request.startswith(b"POST"):
        lines = b'{"state": "running"}\n{"exit": 0}\n'
        return Reply(200, (b"Content-Type: application/x-ndjson",), lines)
    return Reply(200, (), b"{}")


@asynccontextmanager
async def _open_tags(_home: Path, url: str) -> AsyncGenerator[Try]:
    policy = HttpServicePolicy(timeouts=TIMEOUTS, retry=RETRY, busy_limit=3, end_seconds=2.0)
    runner = HttpServiceRunner(url, policy=policy)

    async def run() -> Attempt:
        try:
            ends = await runner.run(Job("job", "manifest", 4), lambda _: None)
        except PlatformError as error:
            return _stopped(error, {})
        failed = [end for end in ends if end.state is not TaskState.SUCCEEDED]
        return Attempt(
            {str(end.index): "done" for end in ends if end.state is TaskState.SUCCEEDED},
            tuple("task_failed" for _ in failed),
            whole=not failed,
            texts=tuple(end.reason or "" for end in failed),
        )

    yield run


async def _take_posts(_request: bytes) -> Reply:
    return Reply(204, (), b"")


@dataclass(slots=True)
class _Alerts:
    """Posts that no receiver has yet are posted again, as the platform's outbox does."""

    webhook: Webhook
    given_up: list[str] = field(default_factory=list[str])

    def post(self) -> Attempt:
        values = dict[str, str]()
        failed = list[str]()
        for name in ("1", "2", "3"):
            end = self.webhook.post(name, {"alert": name})
            if end is Delivery.DELIVERED:
                values[name] = "delivered"
            else:
                failed.append(end.value)
        return Attempt(values, tuple(failed), whole=not failed)


@asynccontextmanager
async def _open_alerts(_home: Path, url: str) -> AsyncGenerator[Try]:
    policy = WebhookPolicy(timeouts=TIMEOUTS, retry=RETRY)
    alerts = _Alerts(Webhook(SecretStr(url), SecretStr(""), policy=policy))
    yield lambda: asyncio.to_thread(alerts.post)


IGDB = ("igdb", ("--games", "1600", "--rate", "1000", "--open", "100", "--latency", "0.001"))
SHOPS = ("shops", ("--products", "6", "--rate", "1000", "--latency", "0.001"))
NAVER = (
    "naver",
    ("--delay", "0.001", "--block-after", "0", "--latency", "0.001"),
)
CLIENTS = (
    Client("IGDB, pages", b"id > 574", _open_games, IGDB),
    Client("IGDB, plan", b"sort id desc", _open_games, IGDB),
    Client("IGDB, multiquery", b"query games", partial(_open_games, gear=Gear.ON), IGDB),
    Client("IGDB, token", b"/oauth2/token", _open_games, IGDB),
    Client("products", b"/goods/1000264 ", _open_shop, SHOPS),
    Client("ranks", b"query=cafe2", _open_ranks, NAVER),
    Client("tags service", b'"index": 2', _open_tags, good=_serve_tasks),
    Client("webhook", b'{"alert":"2"}', _open_alerts, good=_take_posts),
)
