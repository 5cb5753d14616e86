# SPDX-License-Identifier: Apache-2.0
"""The Debian package on a machine with systemd: what its units promise. Runs inside of the virtual machine."""
import re
import subprocess
from pathlib import Path

import pytest

from waiting import wait_until

SERVICE = "10.96.0.7", 7
HOSTS = {"a": "127.0.0.11", "b": "127.0.0.12"}
PORT = 7000
LOG = Path("/run/app.log")
CONFIG = Path("/etc/reseat/app.yaml")

CHECKED = "{type: tcp, interval: 2s, timeout: 1s}"  # the processor is emulated
APP_UNIT = f"""\
[Unit]
Wants=reseat@app.service
After=reseat@app.service
[Service]
Slice=app.slice
ExecStart=/usr/bin/python3 /tests/clients/app.py {SERVICE[0]} {SERVICE[1]} {LOG}
"""


def run(*words, check=True, within=120):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=within)
    assert not check or done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def systemctl(*words, **options):
    return run("systemctl", *words, **options)


def shown(unit, what):
    return systemctl("show", "--value", "-p", what, unit).stdout.strip()


def journal(unit, *filters):
    return run("journalctl", "-u", unit, "-o", "cat", "--no-pager", *filters).stdout


def waits_for(condition, within=30):
    return wait_until(condition, within, lambda: journal("reseat@app"))


def configure(*hosts):
    rows = "".join(f"      - {{name: {host}, address: \"{HOSTS[host]}:{PORT}\"}}\n" for host in hosts)
    fresh = CONFIG.with_suffix(".new")
    fresh.write_text(f"version: 1\nservices:\n  - name: echo\n    address: \"{SERVICE[0]}:{SERVICE[1]}\"\n"
                     f"    health_check: {CHECKED}\n    backends:\n{rows}")
    fresh.rename(CONFIG)


def start_backend(name):
    run("systemd-run", "--collect", "--unit", f"backend-{name}", "/usr/bin/python3", "/tests/clients/backend.py", HOSTS[name],
        PORT, name)


class Load:
    """What the application has met since this was made: one word a connect, the host's name or the error's."""

    def __init__(self):
        self.begin = len(self.all())

    @staticmethod
    def all():
        return LOG.read_text().split() if LOG.exists() else []

    def words(self):
        return self.all()[self.begin:]

    def grows(self, by=20):
        wait_until(lambda: len(self.words()) >= by, 30, lambda: f"{by} connects, among {self.words()}")
        return set(self.words())


@pytest.fixture(scope="session", autouse=True)
def installed():
    """The package, two backends, and the application with its sidecar, started by the application's unit alone."""
    run("dpkg", "-i", "/reseat.deb")
    assert systemctl("is-enabled", "reseat.service", check=False).stdout.strip() == "disabled"
    for name in HOSTS:
        start_backend(name)
    configure("a", "b")
    Path("/etc/systemd/system/app.service").write_text(APP_UNIT)
    systemctl("daemon-reload")
    systemctl("start", "app.service")


def test_the_application_starts_after_a_sidecar_that_is_ready_and_meets_no_error():
    assert shown("reseat@app", "ActiveState") == "active", journal("reseat@app")
    assert int(shown("reseat@app", "ActiveEnterTimestampMonotonic")) <= int(shown("app", "ExecMainStartTimestampMonotonic"))
    waits_for(lambda: {"a", "b"} <= set(Load.all()))
    assert set(Load.all()) == {"a", "b"}, "not one error since the first connect"
    assert "2 of 2 backends eligible" in shown("reseat@app", "StatusText")


def test_it_holds_four_capabilities_at_most_and_says_that_it_is_well():
    status = Path("/proc", shown("reseat@app", "MainPID"), "status").read_text()
    granted = sum(1 << number for number in (12, 19, 38, 39))  # NET_ADMIN, SYS_PTRACE, PERFMON, BPF
    for kind in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(re.search(rf"{kind}:\s+(\w+)", status)[1], 16) & ~granted == 0, status
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    assert run("reseat", "status", "--instance", "app").returncode == 0


def test_the_journal_knows_what_somebody_should_look_at():
    assert journal("reseat@app", "-p", "warning") == ""
    systemctl("stop", "backend-b")
    # The application's own connects may be refused often enough for an ejection before the next check.
    waits_for(lambda: "echo/b is DOWN: connection refused" in journal("reseat@app", "-p", "warning"))
    for line in journal("reseat@app", "-p", "warning").splitlines():
        assert re.match(r"echo/b is (DOWN|EJECTED): ", line), "and no second time in the line"
    start_backend("b")
    waits_for(lambda: "echo/b is UP" in journal("reseat@app"))
    waits_for(lambda: "2 of 2 backends eligible" in shown("reseat@app", "StatusText"), within=60)  # an ejection lasts 30 s
    assert "UP" not in journal("reseat@app", "-p", "warning")


def test_a_reload_takes_the_new_file_and_a_bad_one_is_a_failed_reload():
    configure("b")
    systemctl("reload", "reseat@app")
    assert Load().grows() == {"b"}
    good = CONFIG.read_text()
    CONFIG.write_text("version: 1\nservices: [{nme: x}]\n")
    refused = systemctl("reload", "reseat@app", check=False)
    assert refused.returncode != 0 and shown("reseat@app", "ActiveState") == "active"
    assert re.search(r"unknown key 'nme'", journal("reseat@app"))
    assert Load().grows() == {"b"}
    CONFIG.write_text(good)
    configure("a", "b")
    systemctl("reload", "reseat@app")


@pytest.mark.parametrize("how", ["restart", "killed", "upgraded"])
def test_whatever_ends_it_the_application_notices_nothing(how):
    load, before = Load(), shown("reseat@app", "MainPID")
    if how == "restart":
        systemctl("restart", "reseat@app")
    elif how == "killed":
        systemctl("kill", "-s", "KILL", "--kill-whom=main", "reseat@app")
    else:
        run("dpkg", "-i", "/reseat.deb")
    waits_for(lambda: shown("reseat@app", "MainPID") not in ("0", before))
    waits_for(lambda: shown("reseat@app", "ActiveState") == "active")
    assert load.grows(40) == {"a", "b"}


def test_the_watchdog_ends_and_restarts_one_that_hangs():
    drop_in = Path("/run/systemd/system/reseat@app.service.d/watchdog.conf")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nWatchdogSec=3\n")
    systemctl("daemon-reload")
    systemctl("restart", "reseat@app")
    load, hangs = Load(), shown("reseat@app", "MainPID")
    systemctl("kill", "-s", "STOP", "--kill-whom=main", "reseat@app")
    waits_for(lambda: shown("reseat@app", "MainPID") not in ("0", hangs))
    waits_for(lambda: shown("reseat@app", "ActiveState") == "active")
    assert "Watchdog timeout" in journal("reseat@app")
    assert load.grows(40) == {"a", "b"}


def test_a_configuration_that_is_wrong_is_not_tried_again_and_again():
    Path("/etc/reseat/wrong.yaml").write_text("version: 1\nservices: [{nme: x}]\n")
    assert systemctl("start", "reseat@wrong", check=False).returncode != 0
    assert shown("reseat@wrong", "ExecMainStatus") == "3" and shown("reseat@wrong", "ActiveState") == "failed"
    assert shown("reseat@wrong", "NRestarts") == "0"
    assert "/etc/reseat/wrong.yaml:2:" in journal("reseat@wrong")


def test_without_a_configuration_nothing_starts_and_nothing_fails():
    systemctl("start", "reseat.service")
    assert shown("reseat.service", "ConditionResult") == "no" and shown("reseat.service", "ActiveState") == "inactive"


def test_removed_it_leaves_nothing_behind():
    run("dpkg", "--purge", "reseat")
    assert not any(Path("/sys/fs/bpf").glob("reseat/*")), "pins"
    assert not any(Path("/run/reseat").glob("*")), "sockets"
    assert not Path("/usr/bin/reseat").exists()
    assert " loaded " not in systemctl("list-units", "--all", "--plain", "--no-legend", "reseat*").stdout
    assert Load().grows() <= {"ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT"}, "nobody balances any more"
