import pytest

from platform_assets.core.errors import RefusedError
from resources.browser.hosts import allows, host_of, write_resolver_rules


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Shop.example:8443/a?b=http://other.example/", "shop.example"),
        ("http://user:word@shop.example/", "shop.example"),
        ("file:///etc/hostname", ""),
        ("data:text/html,shop.example", ""),
        ("http://[", ""),
        ("chrome-error://chromewebdata/", ""),
        ("", ""),
    ],
)
def test_only_urls_of_the_web_have_a_host(url: str, host: str):
    assert host_of(url) == host


def test_a_pattern_allows_what_is_under_its_domain_and_nothing_that_only_ends_like_it():
    allowed = {"shop.example", "*.shop.example"}
    assert allows(allowed, "https://shop.example/")
    assert allows(allowed, "https://img.cdn.shop.example/")
    assert not allows(allowed, "https://badshop.example/")
    assert not allows(allowed, "https://shop.example.evil.example/")
    assert not allows((), "https://shop.example/")
    assert allows(None, "https://anybody.example/")


def test_the_resolver_knows_allowed_hosts_and_nobody_else():
    assert write_resolver_rules({"*.b.example", "a.example"}, {}) == (
        "MAP * ~NOTFOUND, EXCLUDE *.b.example, EXCLUDE a.example"
    )


def test_a_host_with_an_address_is_not_looked_up():
    rules = write_resolver_rules({"a.example", "b.example"}, {"a.example": "127.0.0.1:80"})
    assert rules == "MAP a.example 127.0.0.1:80, MAP * ~NOTFOUND, EXCLUDE b.example"
    assert write_resolver_rules(None, {"a.example": "127.0.0.1"}) == "MAP a.example 127.0.0.1"
    assert write_resolver_rules(None, {}) == ""


@pytest.mark.parametrize("host", ["", "a, EXCLUDE *", "A.example", "https://a.example", "*", "a b"])
def test_what_is_no_host_writes_no_rule(host: str):
    with pytest.raises(RefusedError) as caught:
        write_resolver_rules({host}, {})
    assert caught.value.kind == "bad_host"
