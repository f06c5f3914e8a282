"""When rows that carry no date of their own count as updated. Pure."""

NEWEST = 1_769_817_600
"""2026-01-31T00:00Z: no drawn date is later. Rows that a sandbox changes get the time of the change."""


def draw_updated_at(drawn: int) -> int:
    """Seconds since 1970 from random bits: within 13 years up to `NEWEST`, denser towards the end."""
    share = drawn & 0xFFFFF
    return NEWEST - (share * share >> 20) * 400
