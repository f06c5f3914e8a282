"""A test that hangs fails by its name."""

import asyncio
import time

import pytest

from tests.conftest import limited


def test_a_test_that_hangs_fails_and_names_itself(request: pytest.FixtureRequest):
    with (
        pytest.raises(pytest.fail.Exception, match=f"{request.node.name}.* did not end within"),
        limited(request.node, "call", 0.05),
    ):
        time.sleep(60)


def test_a_test_that_waits_in_an_event_loop_fails_too(request: pytest.FixtureRequest):
    with pytest.raises(pytest.fail.Exception), limited(request.node, "call", 0.05):
        asyncio.run(asyncio.sleep(60))
