"""The errors of reading a shop, each with its kind: what was read, what is wrong, what to do next."""

from platform_assets.core.errors import PermanentError
from platform_assets.products.blocking import BLOCKED


def changed_structure(page: str, detail: str) -> PermanentError:
    """The shop answers in another shape than the one this code reads.

    Args:
        page: Names the reply, such as `hwahae product 61560`.
        detail: Which path or field is missing or of which other type.
    """
    return PermanentError(
        f"{page}: {detail}. If other products fail alike, the shop has changed its pages: adapt its module",
        kind="changed_structure",
    )


def blocked(page: str, sign: str) -> PermanentError:
    """The shop shows a block, captcha or login page instead of content."""
    return PermanentError(
        f"{page}: the shop shows {sign} instead of content. Lower the cap of this shop, and try again later",
        kind=BLOCKED,
    )


def no_price(page: str, detail: str) -> PermanentError:
    """A product on sale has no price."""
    return PermanentError(
        f"{page}: it is on sale, but {detail}. Look at the page: its price may depend on an option or on a login",
        kind="no_price",
    )


def adults_only(page: str) -> PermanentError:
    """The product is shown to verified adults only: it is there, and cannot be read."""
    return PermanentError(
        f"{page}: the shop shows it to verified adults only: nothing can be read of it; take it off the known products "
        "if it should not be tried every day",
        kind="adults_only",
    )


def bad_product_id(platform: str, product_id: str, pattern: str) -> PermanentError:
    """An id that this shop cannot have given."""
    return PermanentError(
        f"{platform}: {product_id[:80]!r} is no product id here, which is {pattern} in full: "
        "take it off the known products, or correct it",
        kind="bad_product_id",
    )


def unknown_platform(name: str, known: list[str]) -> PermanentError:
    """A name that is neither a module here nor a declared shop."""
    return PermanentError(
        f"no shop platform {name[:80]!r}: there are {', '.join(known)}; declare it in a file, or add a module",
        kind="unknown_platform",
    )


def bad_platform(file: str, mistakes: list[str]) -> PermanentError:
    """A declared shop whose file is wrong; names every mistake."""
    listed = "".join(f"\n- {mistake}" for mistake in mistakes)
    return PermanentError(f"{file} declares no usable shop:{listed}", kind="bad_platform")
