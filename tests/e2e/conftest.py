# SPDX-License-Identifier: Apache-2.0
"""One lab per test; a test that is told to stop still cleans up."""
import signal

import pytest

pytest.register_assert_rewrite("waiting", "process", "sandbox", "sidecar", "lab", "nginx", "dnsmasq", "names",
                              "terminal")

from lab import Lab, start_echo  # noqa: E402  (asserts are rewritten only in what is imported after that)


def _stop(number, frame):
    raise KeyboardInterrupt(f"signal {number}")


def pytest_configure(config):
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)


@pytest.fixture
def lab():
    with Lab() as built:
        yield built


@pytest.fixture
def echo(lab):
    """An echo server on each host. {host name: process}"""
    return start_echo(lab)
