# SPDX-License-Identifier: Apache-2.0
"""A laboratory for failover: one client namespace, backend hosts that can vanish, and reseat.

    client namespace                      host a            host b
    10.98.0.1, fd98::1  --- to-a | eth0 --- 10.98.0.11, fd98::11
                        --- to-b | eth0 ------------------------- 10.98.0.12, fd98::12

A host *vanishes* by setting its link down inside its own namespace. Neighbour entries are permanent
in both directions, so nobody ever answers on its behalf: no FIN, no RST, no ICMP, no EHOSTUNREACH.
The machine's own network namespace is never touched. Everything is named reseat-e2e-PID-... and
removed on every exit; what a killed run left behind is removed by the next one.
"""
import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

INTERVAL, FAST_INTERVAL, TIMEOUT, THRESHOLD = 0.2, 0.05, 0.2, 2
DETECTION = INTERVAL + TIMEOUT + (THRESHOLD - 1) * (FAST_INTERVAL + TIMEOUT)
SLACK = 1.0  # jitter of the interval, and a machine that is shared with others
BOUND = DETECTION + SLACK

HERE = Path(__file__).parent
PYTHON = "/usr/bin/python3"
PREFIX = "reseat-e2e-"

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
    deadline = now() + within
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


def run(*argv, check=True, within=20, **options):
    """Runs a short command to its end; its output is part of the failure."""
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace", timeout=within, **options)
    if check:
        assert done.returncode == 0, f"{argv} exited {done.returncode}:\n{done.stdout}{done.stderr}"
    return done


def reseat_binary():
    """$RESEAT_BINARY, as ctest sets it. Its absence is a failure: nothing here is skipped."""
    binary = os.environ.get("RESEAT_BINARY")
    assert binary, "set RESEAT_BINARY to the reseat binary to test"
    assert os.access(binary, os.X_OK), f"RESEAT_BINARY={binary} is not an executable file"
    return binary


# ---------------------------------------------------------------- processes

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
                self.popen.wait(within)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait(5)


# ---------------------------------------------------------------- cgroups

def cgroup2_mount():
    """Where cgroup2 is mounted: /sys/fs/cgroup, or elsewhere on hybrid machines."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[fields.index("-") + 1] == "cgroup2":
            return Path(fields[4])
    raise AssertionError("no cgroup2 mount in /proc/self/mountinfo")


class Cgroup:
    """A cgroup of the test's own."""

    def __init__(self, name):
        self.path = cgroup2_mount() / name
        self.path.mkdir()

    def wrap(self, argv):
        """Joins before exec, so that every socket of the command is created inside."""
        return ["/bin/sh", "-c", 'echo $$ > "$0"/cgroup.procs && exec "$@"', self.path, *argv]

    def remove(self):
        _remove_cgroup(self.path)


def _remove_cgroup(path):
    if not path.exists():
        return
    for child in [d for d in path.iterdir() if d.is_dir()]:
        _remove_cgroup(child)

    def gone():
        for pid in (path / "cgroup.procs").read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        try:
            path.rmdir()
            return True
        except OSError:
            return False
    wait_until(gone, 5, f"cgroup {path} to become empty")


# ---------------------------------------------------------------- namespaces and hosts

class Namespace:
    """A network namespace. Entered with nsenter: `ip netns exec` would hide /sys/fs/cgroup."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *words):
        return run("ip", "-n", self.name, *words)

    def wrap(self, argv):
        return ["nsenter", f"--net=/run/netns/{self.name}", "--", *argv]

    def remove(self):
        run("ip", "netns", "del", self.name, check=False)


class Host:
    """A backend's machine."""

    def __init__(self, lab, name, number):
        self.lab, self.name = lab, name
        self.v4, self.v6 = f"10.98.0.{number}", f"fd98::{number}"
        self.directory = lab.tmp / name
        self.directory.mkdir()
        self.namespace = Namespace(f"{lab.name}-{name}")
        port = f"to-{name}"
        lab.client.ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", self.namespace.name)
        lab.client.ip("link", "set", port, "up")
        self.namespace.ip("addr", "add", f"{self.v4}/24", "dev", "eth0")
        self.reappear()
        for address, source in ((self.v4, "10.98.0.1"), (self.v6, "fd98::1")):
            lab.client.ip("neigh", "replace", address, "lladdr", self._mac(self.namespace, "eth0"),
                          "nud", "permanent", "dev", port)
            lab.client.ip("route", "add", address, "dev", port, "src", source)

    @staticmethod
    def _mac(namespace, device):
        return json.loads(namespace.ip("-j", "link", "show", device).stdout)[0]["address"]

    def at(self, port, family="v4"):
        return f"{self.v4}:{port}" if family == "v4" else f"[{self.v6}]:{port}"

    def spawn(self, argv, label=None, **options):
        """A server of this host, ended with the lab."""
        return self.lab.keep(Process(self.namespace.wrap(argv), self.directory,
                                     label or Path(argv[0]).name, **options))

    def vanish(self):
        """Power cord pulled. Returns when it happened."""
        at = now()
        self.namespace.ip("link", "set", "eth0", "down")
        return at

    def reappear(self):
        self.namespace.ip("link", "set", "eth0", "up")
        self.namespace.ip("addr", "replace", f"{self.v6}/64", "dev", "eth0", "nodad")
        mac = self._mac(self.lab.client, f"to-{self.name}")
        for client in ("10.98.0.1", "fd98::1"):
            self.namespace.ip("neigh", "replace", client, "lladdr", mac, "nud", "permanent", "dev", "eth0")


class Lab:
    """with Lab(hosts="ab") as lab: lab.a.spawn(...); lab.run_client(...); lab.a.vanish()"""

    def __init__(self, hosts="ab"):
        _remove_leftovers()
        Lab._count = getattr(Lab, "_count", 0) + 1
        self.name = f"{PREFIX}{os.getpid()}-{Lab._count}"
        self._hosts, self._processes, self._cgroups, self.hosts = hosts, [], [], []

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self):
        self.tmp = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.tmp.chmod(0o755)  # servers that drop their privileges live here too
        self.client = Namespace(f"{self.name}-client")
        self.client.ip("addr", "add", "10.98.0.1/32", "dev", "lo")
        self.client.ip("addr", "add", "fd98::1/128", "dev", "lo", "nodad")
        for number, name in enumerate(self._hosts, start=11):
            host = Host(self, name, number)
            self.hosts.append(host)
            setattr(self, name, host)

    def __exit__(self, *exception):
        for process in reversed(self._processes):
            process.stop()
        for cgroup in self._cgroups:
            cgroup.remove()
        for host in self.hosts:
            host.namespace.remove()
        if hasattr(self, "client"):
            self.client.remove()
        _remove_leftovers(f"{self.name}-")
        shutil.rmtree(self.tmp, ignore_errors=True)

    def keep(self, process):
        self._processes.append(process)
        return process

    def host(self, name):
        return next(h for h in self.hosts if h.name == name)

    def other(self, host):
        return next(h for h in self.hosts if h is not host)

    def cgroup(self):
        cgroup = Cgroup(f"{self.name}-{len(self._cgroups)}")
        self._cgroups.append(cgroup)
        return cgroup

    def write(self, name, text):
        path = self.tmp / name
        path.write_text(text)
        return path

    # ---- clients

    def in_client(self, argv, cgroup=None):
        """`argv` as it has to be run in the client namespace, and in `cgroup` if there is one."""
        return self.client.wrap(cgroup.wrap(argv) if cgroup else argv)

    def spawn(self, argv, label="client", cgroup=None, **options):
        return self.keep(Process(self.in_client(argv, cgroup), self.tmp, label, **options))

    def run(self, *argv, cgroup=None, **options):
        return run(*self.in_client([str(a) for a in argv], cgroup), **options)

    def spawn_behind(self, config, argv, label="exec", **options):
        """`argv` through `reseat exec`; the standard error is shared by the two."""
        return self.spawn([reseat_binary(), "exec", "--config", self._config(config), "--", *argv],
                          label, **options)

    def _config(self, text):
        return self.write("reseat.yaml", text)

    # ---- reseat

    def reseat(self, *words, **options):
        """A short-lived reseat command in the client namespace."""
        return self.run(reseat_binary(), *words, **options)

    def sidecar(self, config, cgroup, *flags, label="sidecar", **options):
        """`reseat run` beside `cgroup`, returned once it is ready."""
        sidecar = self.start_sidecar(config, cgroup, *flags, label=label, **options)
        sidecar.wait_ready()
        return sidecar

    def start_sidecar(self, config, cgroup, *flags, label="sidecar", inside=None):
        """As `sidecar`, without waiting; `inside` is the cgroup that reseat itself runs in."""
        admin = self.tmp / f"{label}.sock"
        file = self.write(f"{label}.yaml", f"admin: {{socket: {admin}}}\n{config}")
        argv = [reseat_binary(), "run", "--config", file, "--cgroup", cgroup.path, *flags]
        return self.keep(Sidecar(self.in_client(argv, inside), self.tmp, label, file, admin))


class Sidecar(Process):
    """A running `reseat run`."""

    def __init__(self, argv, directory, label, file, admin):
        super().__init__(argv, directory, label)
        self.file, self.admin = file, admin

    def wait_ready(self):
        def ready():
            assert not self.exited(), f"reseat ended: {self.describe()}"
            try:
                return self.get("/ready")[0] == 200
            except (OSError, http.client.HTTPException):
                return False
        wait_until(ready, 10, lambda: f"/ready of {self.describe()}")

    def get(self, path, method="GET"):
        """(status, body) of one request to the admin socket."""
        connection = http.client.HTTPConnection("reseat", timeout=5)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(5)
        with connection.sock:
            connection.sock.connect(str(self.admin))
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def status(self):
        return json.loads(self.get("/status")[1])

    def backend(self, service, name):
        """One backend's object out of /status."""
        found = next(s for s in self.status()["services"] if s["name"] == service)
        return next(b for b in found["backends"] if b["name"] == name)

    def wait_state(self, service, name, state, within=BOUND):
        return wait_until(lambda: self.backend(service, name)["state"] == state, within,
                          lambda: f"{service}/{name} to be {state}: {self.backend(service, name)}")


def _remove_leftovers(prefix=None):
    """Namespaces, cgroups and files of a lab (`prefix`), or of all test runs that no longer live."""
    def ours(name):
        if prefix:
            return name.startswith(prefix)
        match = re.match(PREFIX + r"(\d+)-", name)
        return match and not Path("/proc", match[1]).exists()

    for path in [p for p in cgroup2_mount().iterdir() if p.is_dir() and ours(p.name)]:
        _remove_cgroup(path)
    namespaces = Path("/run/netns")
    for path in [p for p in (namespaces.iterdir() if namespaces.exists() else []) if ours(p.name)]:
        run("ip", "netns", "del", path.name, check=False)
    for path in [p for p in Path(tempfile.gettempdir()).iterdir() if ours(p.name)]:
        shutil.rmtree(path, ignore_errors=True)


# ---------------------------------------------------------------- configuration

CHECK = (f"interval: {INTERVAL * 1000:.0f}ms, fast_interval: {FAST_INTERVAL * 1000:.0f}ms, "
         f"timeout: {TIMEOUT * 1000:.0f}ms, unhealthy_threshold: {THRESHOLD}, healthy_threshold: 1")


def service(name, address, backends, protocol="tcp", check="type: tcp", more=""):
    """One service as YAML, checked fast. `backends` is {name: address}."""
    rows = "\n".join(f'      - {{address: "{at}", name: {backend}}}' for backend, at in backends.items())
    extra = "".join(f"    {line}\n" for line in more.strip().splitlines())
    return (f"  - name: {name}\n    protocol: {protocol}\n    address: \"{address}\"\n"
            f"    health_check: {{{check}, {CHECK}}}\n{extra}    backends:\n{rows}\n")


def config(*services, more=""):
    """A whole configuration; nothing is pinned, so that a killed test leaves nothing behind."""
    return "version: 1\npin: off\nservices:\n" + "".join(services) + more


def backends(lab, port, family="v4"):
    """Both hosts as backends of one service."""
    return {host.name: host.at(port, family) for host in lab.hosts}


def start_echo(lab, port, family="v4"):
    """An echo server that answers with its host's name on each host. {host name: process}"""
    servers = {host.name: host.spawn([PYTHON, HERE / "clients/echo_server.py", getattr(host, family), port, host.name],
                                     f"echo-{family}") for host in lab.hosts}
    for server in servers.values():
        server.event("listening", within=10)
    return servers
