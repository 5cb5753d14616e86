# SPDX-License-Identifier: Apache-2.0
"""MariaDB with its default limits: `max_connect_errors` blocks a client's address after 100 connections in a row that
end within the handshake, and `connect_timeout` ends silent ones."""
import shutil
import signal

import pytest

from lab import run, wait_until

SERVICE, PORT = "10.96.0.33:3306", 3306
FAR_TOO_MANY = 3 * 100


@pytest.fixture
def mariadb(lab):
    """One MariaDB on host a, with networking and nothing else changed."""
    home = lab.a.directory / "mariadb"
    home.mkdir()
    shutil.chown(home, "mysql", "mysql")
    data, socket = home / "data", home / "mariadb.sock"
    run("mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={data}", "--skip-test-db",
        "--auth-root-authentication-method=normal", within=120)
    server = lab.a.spawn(["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={data}", f"--socket={socket}",
                          f"--pid-file={home}/pid", f"--bind-address={lab.a.v4}", f"--port={PORT}",
                          "--innodb-buffer-pool-size=16M"], "mariadbd")
    allow = "create user app@'%' identified by 'secret';"
    wait_until(lambda: lab.run("mariadb", "--no-defaults", f"--socket={socket}", "-uroot", "-e", allow,
                               check=False).returncode == 0, 60, server.describe)
    yield server
    server.stop(signal.SIGTERM, within=20)


def ask(lab, question, address=None, cgroup=None):
    host, port = address or (lab.a.v4, PORT)
    return lab.run("mariadb", "--no-defaults", f"-h{host}", f"-P{port}", "-uapp", "-psecret", "-sN", "-e", question,
                   cgroup=cgroup, check=False)


def test_checks_and_watch_never_make_mariadb_block_the_workloads_address_E68(lab, mariadb):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(
        "version: 1\npin: off\nservices:\n"
        f"  - name: db\n    address: {SERVICE}\n    backends: ['{lab.a.at(PORT)}']\n"
        "    health_check: {interval: 10ms, fast_interval: 10ms, timeout: 1s}\n", cgroup)
    backend = lab.a.at(PORT)
    wait_until(lambda: sidecar.backend("db", backend)["check"]["passes"] > FAR_TOO_MANY, 60,
               lambda: sidecar.backend("db", backend))
    done = ask(lab, "select 'answered'", SERVICE.split(":"), cgroup)
    assert done.stdout.strip() == "answered", done.stderr
    # The unfinished handshakes never came to its notice; only the watch connection may have.
    aborted = int(ask(lab, "show global status like 'Aborted_connects'").stdout.split()[1])
    assert aborted <= 10, f"{aborted} of more than {FAR_TOO_MANY} probes were seen as failed logins"
    assert " is DOWN" not in sidecar.err
