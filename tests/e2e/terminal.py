# SPDX-License-Identifier: Apache-2.0
"""A terminal of the test's own, and what a program draws on it."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading

from waiting import wait_until


class Terminal:
    """`argv` with a terminal for everything; what it writes is read all the time."""

    def __init__(self, argv, rows=24, columns=80, env=None):
        self._ours, its = pty.openpty()
        self.resize(rows, columns)
        self.popen = subprocess.Popen([str(a) for a in argv], stdin=its, stdout=its, stderr=its, env=env,
                                      start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(its)
        self.raw = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def resize(self, rows, columns):
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self):
        while True:
            try:
                piece = os.read(self._ours, 65536)
            except OSError:  # EIO: nobody has the other end any more
                return
            if not piece:
                return
            self.raw += piece.decode(errors="replace")

    def type(self, text):
        os.write(self._ours, text.encode())

    def shows(self, pattern, within=5):
        return wait_until(lambda: re.search(pattern, self.raw), within, lambda: f"{pattern!r} in {self.raw[-2000:]!r}")

    def frames(self):
        """What stood on the screen, picture by picture, without escapes."""
        return [plain(frame) for frame in self.raw.split("\033[H")[1:]]

    def exits(self, within=10):
        wait_until(lambda: self.popen.poll() is not None, within, lambda: f"the end of {self.raw[-2000:]!r}")
        self._reader.join(5)
        return self.popen.returncode

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGKILL)
        self.popen.wait(5)
        self._reader.join(5)
        os.close(self._ours)


def plain(text):
    return re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")
