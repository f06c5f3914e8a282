"""The wire formats of the shops. A new shop is a module and one entry of `WIRES`."""

from collections.abc import Mapping
from types import MappingProxyType

from sandbox.shops.wires.ably import AblyWire
from sandbox.shops.wires.hwahae import HwahaeWire
from sandbox.shops.wires.kurly import KurlyWire
from sandbox.shops.wires.musinsa import MusinsaWire
from sandbox.shops.wires.oliveyoung import OliveyoungWire
from sandbox.shops.wires.wire import Wire
from sandbox.shops.wires.zigzag import ZigzagWire

WIRES: Mapping[str, Wire] = MappingProxyType(
    {
        wire.name: wire
        for wire in (
            AblyWire(),
            HwahaeWire(),
            KurlyWire(),
            MusinsaWire(),
            OliveyoungWire(),
            ZigzagWire(),
        )
    }
)
"""By the name that is the shop's path prefix too."""
