"""The registry: every shop that has a module here. A further shop is one file and one line; tests ask for payloads."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from platform_assets.products.faults import unknown_platform
from platform_assets.products.platform import ShopPlatform
from platform_assets.products.platforms.ably import Ably
from platform_assets.products.platforms.hwahae import Hwahae
from platform_assets.products.platforms.kurly import Kurly
from platform_assets.products.platforms.musinsa import Musinsa
from platform_assets.products.platforms.oliveyoung import Oliveyoung
from platform_assets.products.platforms.zigzag import Zigzag

_ALL: tuple[ShopPlatform, ...] = (
    Ably(),
    Hwahae(),
    Kurly(),
    Musinsa(),
    Oliveyoung(),
    Zigzag(),
)
PLATFORMS: Mapping[str, ShopPlatform] = MappingProxyType({shop.name: shop for shop in _ALL})
"""Platforms by name, sorted. Shops that are declared in a file (`configured.py`) are not here."""


def find_platform(name: str, declared: Iterable[ShopPlatform] = ()) -> ShopPlatform:
    """A platform by its name.

    Args:
        name: Its name.
        declared: Shops that are declared in files; one with the name of a module takes its place.

    Raises:
        PermanentError: kind `unknown_platform`.
    """
    known = {**PLATFORMS, **{shop.name: shop for shop in declared}}
    if name not in known:
        raise unknown_platform(name, sorted(known))
    return known[name]
