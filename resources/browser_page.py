"""A page in a context of its own, and one load of it: what was asked for, or an error of our tree.

When a page is read: without `capture`, once its document is parsed and its network was quiet for half a second
(Playwright's `networkidle`), at most `settle_seconds` after it was parsed; with `capture`, as soon as the reply is there.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from platform_assets.core.clock import Clock
from platform_assets.core.errors import PlatformError
from resources.browser_errors import (
    CLOSED,
    CRASHED,
    NO_REPLY,
    REDIRECTED,
    TIMEOUT,
    find_load_rule,
    read_net_error,
)
from resources.browser_hosts import allows, host_of
from resources.browser_process import playwright_errors
from resources.http_errors import (
    DEFAULT_TABLE,
    SAID_LENGTH,
    ErrorTable,
    Failure,
    Rule,
    parse_retry_after,
    quote_upstream,
)
from resources.http_messages import HttpRequest

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, CDPSession, Page, Request, Response

BLOCKED_TYPES = frozenset({"Image", "Font", "Media"})
"""Chromium's names for what a reader of text does not need (CDP, Network.ResourceType)."""

EMPTY = "about:blank"

type Capture = str | Callable[[str], bool]
