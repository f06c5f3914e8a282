import pytest

from sandbox.igdb.errors import WireError
from sandbox.igdb.tokens import Tokens
from tests.fakes.clock import FakeClock

FORM = {"client_id": "app", "client_secret": "secret", "grant_type": "client_credentials"}


def make_tokens(clock: FakeClock | None = None) -> Tokens:
    return Tokens(
        client_id="app", client_secret="secret", lifetime_seconds=100, clock=clock or FakeClock()
    )


def test_a_token_is_answered_in_the_recorded_shape():
    issued = make_tokens().issue(FORM)
    assert list(issued) == ["access_token", "expires_in", "token_type"]
    assert (issued["expires_in"], issued["token_type"], len(issued["access_token"])) == (
        100,
        "bearer",
        30,
    )


def test_a_token_is_accepted_until_it_expires():
    clock = FakeClock()
    tokens = make_tokens(clock)
    header = f"Bearer {tokens.issue(FORM)['access_token']}"
    assert tokens.accepts("app", header)
    clock.advance(99.9)
    assert tokens.accepts("app", header)
    clock.advance(0.1)
    assert not tokens.accepts("app", header)


def test_a_forgotten_token_is_refused_and_others_are_not():
    tokens = make_tokens()
    first, second = (f"Bearer {tokens.issue(FORM)['access_token']}" for _ in range(2))
    tokens.forget(first)
    assert not tokens.accepts("app", first)
    assert tokens.accepts("app", second)


def test_the_header_needs_the_scheme_and_the_client_id():
    tokens = make_tokens()
    token = tokens.issue(FORM)["access_token"]
    assert not tokens.accepts("app", token)
    assert not tokens.accepts("app", f"bearer {token}")
    assert not tokens.accepts("other", f"Bearer {token}")
    assert not tokens.accepts("", "")


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"client_id": "x"}, 400, "invalid client"),
        ({"client_secret": "x"}, 403, "invalid client secret"),
        ({"client_secret": "\u00e9"}, 403, "invalid client secret"),
        ({"grant_type": "password"}, 400, "invalid grant type"),
        ({"client_id": ""}, 400, "missing client id"),
    ],
)
def test_wrong_credentials_get_the_body_that_twitch_sends(
    change: dict[str, str], status: int, message: str
):
    with pytest.raises(WireError) as caught:
        make_tokens().issue(FORM | change)
    assert caught.value.status == status
    assert caught.value.body == {"status": status, "message": message}
