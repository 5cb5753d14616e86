# SPDX-License-Identifier: Apache-2.0
"""Says which signals reach it; SIGTERM ends it, with an exit status of its own."""
import signal
import sys

from say import say


def heard(number, frame):
    say(signal.Signals(number).name)
    if number == signal.SIGTERM:
        sys.exit(42)


for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT):
    signal.signal(each, heard)
say("waiting")
while True:
    signal.pause()
