# SPDX-License-Identifier: Apache-2.0
"""How the clients report: one JSON object per line, stamped with the clock that the test reads too."""
import errno
import json
import os
import time


def say(event, **fields):
    # One write: threads that say something at once must not share a line.
    os.write(1, (json.dumps({"t": time.monotonic(), "event": event, **fields}) + "\n").encode())


def errno_of(error):
    """The name of the errno at the bottom of an exception, however deep a library has buried it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno:
            return errno.errorcode[error.errno]
        if isinstance(error, TimeoutError):
            return "timeout"
        error = error.__cause__ or error.__context__
    return None


def peer_of(connected):
    """What getpeername() says, be it an address or an errno."""
    try:
        return list(connected.getpeername())
    except OSError as error:
        return errno_of(error)
