# SPDX-License-Identifier: Apache-2.0
"""How long things may take, and how a test waits: for a condition, never for a time."""
import os
import time

import pytest

SLOWNESS = int(os.environ.get("RESEAT_TEST_SLOWNESS", "1"))  # sanitizers slow everything down

INTERVAL, FAST_INTERVAL, TIMEOUT, THRESHOLD = 0.2, 0.05, 0.2, 2
DETECTION = INTERVAL + TIMEOUT + (THRESHOLD - 1) * (FAST_INTERVAL + TIMEOUT)
SLACK = 1.0 * SLOWNESS  # jitter of the interval, and a machine that is shared with others
BOUND = DETECTION + SLACK

with_and_without_reseat = pytest.mark.parametrize("way", ["with reseat", "control"])
"""A failover test proves something only if the same client hangs without us: that is `control`."""

_measured = {}


def hang_time(what):
    """How long a control must hang: three times what reseat needed, and never less than two seconds."""
    return max(2.0, 3 * _measured.get(what, DETECTION))


def note_failover(what, seconds):
    """Asserts that `what` took no longer than promised and remembers it for the control."""
    assert seconds <= BOUND, f"{what} took {seconds:.3f} s, promised {BOUND:.3f} s"
    _measured[what] = seconds


def now():
    """CLOCK_MONOTONIC: the clients' events carry the same clock."""
    return time.monotonic()


def wait_until(condition, within, what):
    """Polls until `condition()` is true and returns its value; `what` says what never came."""
    deadline = now() + within * SLOWNESS
    while True:
        value = condition()
        if value:
            return value
        if now() > deadline:
            raise AssertionError(f"not within {within:.2f} s: {what() if callable(what) else what}")
        time.sleep(0.005)


def stays_false(condition, during, what):
    """The opposite of wait_until: the one place where a test has to let time pass."""
    deadline = now() + during
    while now() < deadline:
        assert not condition(), what
        time.sleep(0.02)
