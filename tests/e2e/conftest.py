# SPDX-License-Identifier: Apache-2.0
"""One lab per test; a test that is told to stop still cleans up."""
import signal

import pytest

pytest.register_assert_rewrite("lab")

from lab import Lab  # noqa: E402  (its asserts are rewritten only if it is imported after that)


def _stop(number, frame):
    raise KeyboardInterrupt(f"signal {number}")


def pytest_configure(config):
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)


@pytest.fixture
def lab():
    with Lab() as built:
        yield built
