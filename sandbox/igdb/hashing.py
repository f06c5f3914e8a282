"""One number from another, spread over 64 bits: what makes rows, times and latencies functions of seed and id. Pure."""

from hashlib import blake2b

_MASK = (1 << 64) - 1


def mix(value: int, salt: int) -> int:
    """64 well-mixed bits of a whole number (the finalizer of SplitMix64: two multiplications, three shifts)."""
    value = (value + salt) * 0x9E3779B97F4A7C15 & _MASK
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & _MASK
    return value ^ value >> 31


def salt_of(*parts: object) -> int:
    """A 64-bit salt that stays the same over processes, from the text of the parts."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
