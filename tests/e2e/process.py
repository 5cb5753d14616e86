# SPDX-License-Identifier: Apache-2.0
"""Child processes whose output can be read while they run."""
import ctypes
import json
import os
import re
import signal
import subprocess

from waiting import BOUND, SLOWNESS, stays_false, wait_until


def run(*argv, check=True, within=20, **options):
    """Runs a short command to its end; its output is part of the failure."""
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace", timeout=within, **options)
    if check:
        assert done.returncode == 0, f"{argv} exited {done.returncode}:\n{done.stdout}{done.stderr}"
    return done


_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_the_test():
    PR_SET_PDEATHSIG = 1
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A child in a session of its own, with its output in files that can be read at any time."""

    def __init__(self, argv, directory, label, stdin=False, **options):
        self.label = label
        directory.mkdir(parents=True, exist_ok=True)
        self.out_file, self.err_file = directory / f"{label}.out", directory / f"{label}.err"
        with open(self.out_file, "wb") as out, open(self.err_file, "wb") as err:
            self.popen = subprocess.Popen(
                [str(a) for a in argv], stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=out, stderr=err, start_new_session=True, preexec_fn=_die_with_the_test, **options)
        self.pid = self.popen.pid

    @property
    def out(self):
        return self.out_file.read_text(errors="replace")

    @property
    def err(self):
        return self.err_file.read_text(errors="replace")

    def describe(self):
        return (f"{self.label} (exit status {self.popen.poll()})\n--- stdout\n{self.out[-4000:]}"
                f"\n--- stderr\n{self.err[-4000:]}")

    def sanitizer_report(self):
        """What a sanitizer found in it, also while it ended, which no condition of a test waits for."""
        if not self.err_file.exists():  # its directory went with whoever made it
            return None
        return self.describe() if re.search(r"^SUMMARY: \w+Sanitizer", self.err, re.MULTILINE) else None

    def tell(self, text):
        """One line to its standard input."""
        self.popen.stdin.write(text.encode() + b"\n")
        self.popen.stdin.flush()

    def hang_up(self):
        self.popen.stdin.close()

    def exited(self):
        return self.popen.poll() is not None

    def exits(self, within=10):
        """Its exit status, as subprocess gives it: negative for a signal."""
        wait_until(self.exited, within, lambda: f"the end of {self.describe()}")
        return self.popen.returncode

    def send_signal(self, number):
        self.popen.send_signal(number)

    def prints(self, pattern, within=BOUND, stream="out"):
        """The first match of `pattern` in its output. A process that has ended without it fails at once."""
        def found():
            gone = self.exited()
            match = re.search(pattern, getattr(self, stream))
            assert match or not gone, f"no {pattern!r} from {self.describe()}"
            return match
        return wait_until(found, within, lambda: f"{pattern!r} from {self.describe()}")

    def logs(self, pattern, within=BOUND):
        return self.prints(pattern, within, stream="err")

    def events(self, name=None):
        """What a client of ours has said so far: one JSON object per line of standard output."""
        lines = self.out.split("\n")[:-1]
        events = [json.loads(line) for line in lines if line.startswith("{")]
        return [e for e in events if name in (None, e["event"])]

    def event(self, name, within=BOUND, after=0.0, such_that=lambda event: True):
        """The first event `name` said after the moment `after`. A client that dies fails at once."""
        def found():
            gone = self.exited()
            match = next((e for e in self.events(name) if e["t"] > after and such_that(e)), None)
            assert match or not gone, f"no event {name!r} from {self.describe()}"
            return match
        return wait_until(found, within, lambda: f"event {name!r} from {self.describe()}")

    def stays_silent(self, during):
        """Nothing said and not ended: the client hangs."""
        said = len(self.events())
        stays_false(lambda: self.exited() or len(self.events()) > said, during,
                    f"the control did not hang: something woke {self.label}")

    def stop(self, number=signal.SIGTERM, within=5):
        """Ends it and whatever it started; kills what does not listen."""
        if self.popen.stdin and not self.popen.stdin.closed:
            try:
                self.popen.stdin.close()
            except BrokenPipeError:
                pass
        if not self.exited():
            self.popen.send_signal(number)
            try:
                self.popen.wait(within * SLOWNESS)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait(5)
