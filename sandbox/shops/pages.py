"""Documents: pages whose script fetches their data, pages that carry it, and those that keep robots out."""

import json

from sandbox.shops.wires.wire import Fetch

_HEAD = (
    '<!DOCTYPE html><html lang="ko"><head><meta charset="utf-8"><title>Shop</title>'
    '<link rel="icon" href="data:,"></head><body>'
)
_SCRIPT = """<main id="root">Loading</main><script>
const ask = %s;
addEventListener("DOMContentLoaded", async () => {
  const options = {headers: {"X-Page": ask.page}};
  if (ask.body !== null) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(ask.body);
  }
  const reply = await fetch(ask.url, options);
  document.getElementById("root").textContent = await reply.text();
});
</script></body></html>"""

PAGE_HEADER = "x-page"
"""With what a page's script says which page it belongs to; see `Shop`."""

BLOCK_PAGE = f"{_HEAD}<h1>Access Denied</h1><p>비정상적인 접근입니다.</p></body></html>".encode()
CAPTCHA_PAGE = f"{_HEAD}<h1>Just a moment...</h1><form id='captcha'></form></body></html>".encode()


def write_script_page(prefix: str, fetch: Fetch, page: str) -> bytes:
    """A page without data, whose script fetches it.

    Args:
        prefix: The shop's path prefix.
        fetch: What is fetched.
        page: The page's own mark.
    """
    ask = {"url": prefix + fetch.path, "body": fetch.body, "page": page}
    return (_HEAD + _SCRIPT % _embed(ask)).encode()


def write_next_page(data: object) -> bytes:
    """A page that carries its data as Next.js does."""
    script = f'<script id="__NEXT_DATA__" type="application/json">{_embed(data)}</script>'
    return f'{_HEAD}<div id="__next"></div>{script}</body></html>'.encode()


def _embed(data: object) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
