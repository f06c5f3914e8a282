"""A Chromium process and the Playwright driver that speaks to it: started together, ended together, nothing left over.

Playwright is imported here, when the first browser starts: it is an extra.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import anyio

from resources.browser.errors import (
    CHROMIUM_NAMES,
    missing_browser,
    missing_extra,
    not_started,
    read_start_error,
)
from resources.browser.family import BrowserFamily
from resources.http.errors import quote_upstream

if TYPE_CHECKING:
    from playwright.async_api import Browser, CDPSession, Playwright

ANSWER_SECONDS = 10.0
"""For a browser that lives to answer a question."""

ARGUMENTS = (
    # A container's /dev/shm is 64 MiB, and Chromium dies of a bus error when it is full.
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def find_chromium(
    named: str | Path | None, which: Callable[[str], str | None] = shutil.which
) -> str:
    """The program to start.

    Args:
        named: Its name or path; None for the first of `CHROMIUM_NAMES` that is there.
        which: Looks a name up on the PATH; a path is itself if it can be run.

    Raises:
        RefusedError: kind `missing_browser`.
    """
    names = CHROMIUM_NAMES if named is None else (str(named),)
    found = next(filter(None, map(which, names)), None)
    if found is None:
        raise missing_browser(", ".join(names))
    return found


@dataclass(frozen=True, slots=True)
class BrowserProcess:
    """A browser that was started. Whoever started it calls `close`, and `kill` in any case.

    Attributes:
        browser: Where contexts are opened.
        family: Its processes.
        folders: Its profile, and the folder of its socket.
    """

    browser: "Browser"
    family: BrowserFamily
    folders: tuple[Path, ...]
    _driver: "Playwright"
    _session: "CDPSession"

    @classmethod
    async def start(
        cls, executable: str, arguments: Sequence[str], seconds: float
    ) -> "BrowserProcess":
        """Starts a browser.

        Args:
            executable: Path of Chromium.
            arguments: Beyond `ARGUMENTS`.
            seconds: How long it may take.

        Raises:
            RefusedError: kind `missing_extra`.
            TransientError: kind `browser_not_started`.
        """
        starter = _Starter(executable, (*ARGUMENTS, *arguments), seconds)
        async with starter:
            return await starter.start()

    def is_connected(self) -> bool:
        """Whether nobody has noticed yet that the browser died."""
        return self.browser.is_connected()

    async def is_alive(self) -> bool:
        """Whether the browser answers."""
        if not self.is_connected():
            return False
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._session.send("Browser.getVersion")
        except (TimeoutError, *playwright_errors()):
            return False
        return True

    async def close(self, seconds: float) -> None:
        """Asks the browser to end, waits for at most `seconds`, then kills what is left. Never raises our errors."""
        try:
            with anyio.move_on_after(seconds, shield=True), suppress(*playwright_errors()):
                await self.browser.close()
            with anyio.move_on_after(seconds, shield=True), suppress(*playwright_errors()):
                await self._driver.stop()
        finally:
            self.kill()

    def kill(self) -> None:
        """Kills its processes and removes its folders. Never blocks; safe to call again."""
        self.family.kill()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)


class _Starter:
    """One start: what was begun is taken back unless it succeeds."""

    def __init__(self, executable: str, arguments: Sequence[str], seconds: float) -> None:
        self._executable = executable
        self._arguments = arguments
        self._seconds = seconds
        self._manager = _load_playwright()
        self._entering: asyncio.Future[Playwright] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or self._entering is None:
            return
        with anyio.move_on_after(ANSWER_SECONDS, shield=True), suppress(*playwright_errors()):
            await self._entering
            # The driver ends the browser when it is asked to stop.
            await self._manager.__aexit__(None, None, None)

    async def start(self) -> BrowserProcess:
        try:
            async with asyncio.timeout(self._seconds):
                # A start that is cancelled half way would leave the driver's process behind.
                self._entering = entering = asyncio.ensure_future(self._manager.__aenter__())
                return await self._launch(await asyncio.shield(entering))
        except (TimeoutError, OSError, *playwright_errors()) as error:
            said = quote_upstream(read_start_error(str(error))) or f"not within {self._seconds:g} s"
            raise not_started(self._executable, said) from error

    async def _launch(self, driver: "Playwright") -> BrowserProcess:
        browser = await driver.chromium.launch(
            executable_path=self._executable,
            args=list(self._arguments),
            env=dict(_environment()),
            # Root cannot use the sandbox; all others get it.
            chromium_sandbox=os.geteuid() != 0,
            timeout=self._seconds * 1000,
        )
        session = await browser.new_browser_cdp_session()
        info: dict[str, Any] = await session.send("SystemInfo.getProcessInfo")
        leader = next(it["id"] for it in info["processInfo"] if it["type"] == "browser")
        family = BrowserFamily.find(leader)
        return BrowserProcess(browser, family, _find_folders(family), driver, session)


def playwright_errors() -> tuple[type[Exception], ...]:
    """What Playwright raises. Only to be called where Playwright was loaded before."""
    from playwright.async_api import Error  # noqa: PLC0415 - an extra

    return (Error,)


def _load_playwright() -> "AbstractAsyncContextManager[Playwright]":
    try:
        from playwright.async_api import async_playwright  # noqa: PLC0415 - an extra, and slow
    except ImportError as error:
        raise missing_extra() from error
    return async_playwright()


def _environment() -> Mapping[str, str]:
    """All that Chromium sees of the environment: none of our secrets, and no home to leave things in."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TMPDIR": tempfile.gettempdir(),
        "HOME": os.devnull,
    }


def _find_folders(family: BrowserFamily) -> tuple[Path, ...]:
    """The browser's temporary folders: when it is killed, nobody else removes them all."""
    profile = family.read_argument("user-data-dir")
    if profile is None:
        return ()
    folder = Path(profile)
    try:
        return folder, (folder / "SingletonSocket").readlink().parent
    except OSError:
        return (folder,)
