"""Signs that a page is a block, captcha or login page. Asked only of pages that lack the content that was expected."""

_SIGNS = (
    (b"captcha", "a captcha"),
    (b"cf-challenge", "a Cloudflare challenge"),
    (b"challenge-platform", "a Cloudflare challenge"),
    (b"cf_chl_", "a Cloudflare challenge"),
    (b"just a moment", "a Cloudflare challenge"),
    ("잠시만 기다리십시오".encode(), "a Cloudflare challenge"),
    (b"attention required", "a block page"),
    (b"access denied", "a block page"),
    (b"request blocked", "a block page"),
    (b"request could not be satisfied", "a block page"),
    (b"awswaf", "a block page"),
    ("비정상적인 접근".encode(), "a block page"),
    ("접근이 차단".encode(), "a block page"),
    (b'type="password"', "a login page"),
    ("로그인이 필요".encode(), "a login page"),
)
"""Words in lower case, and what they are a sign of; the Korean ones are what the shops and Cloudflare show."""

_LOOKED_AT_BYTES = 200_000


def find_block(body: bytes) -> str | None:
    """What a page shows instead of content, in words; None when nothing says so."""
    text = body[:_LOOKED_AT_BYTES].lower()
    return next((sign for words, sign in _SIGNS if words in text), None)


def is_html(body: bytes) -> bool:
    """Whether a reply is a document rather than JSON."""
    return body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
