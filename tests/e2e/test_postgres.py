# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL: an idle psql session, the connection that a pool keeps for hours."""
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from lab import (BOUND, PREFIX, backends, config, hang_time, note_failover, now, run, service, stays_false, wait_until,
                 with_and_without_reseat)

SERVICE, PORT = "10.96.0.10", 5432
ASK = ["-XAtq", "-c", "select inet_server_addr()"]

SETTINGS = """
listen_addresses = '{address}'
unix_socket_directories = ''
fsync = off
shared_buffers = 16MB
max_connections = 20
"""
IMPATIENT = "authentication_timeout = 2s\n"


def tools():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
    assert found, "install postgresql"
    return found[-1].parent


def as_postgres(*argv):
    """PostgreSQL refuses to run as root; the death signal is lost when the user changes, so it is set again."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=KILL", *argv]


@pytest.fixture(scope="module")
def empty_cluster():
    """A data directory to copy: initdb takes longer than a failover."""
    home = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-postgres-"))
    try:
        shutil.chown(home, "postgres", "postgres")
        run(*as_postgres(tools() / "initdb", "-D", home / "data", "-U", "postgres", "--auth=trust", "--no-sync",
                         "--locale=C", "--encoding=UTF8", "--wal-segsize=1"), cwd=home, within=120)
        yield home / "data"
    finally:
        shutil.rmtree(home)


def start(lab, host, cluster, settings=IMPATIENT):
    """A PostgreSQL on `host`, on its way up."""
    data = host.directory / "data"
    run("cp", "-a", cluster, data, within=60)
    with open(data / "postgresql.conf", "a") as file:
        file.write(SETTINGS.format(address=host.v4) + settings)
    with open(data / "pg_hba.conf", "a") as file:
        file.write("host all all 10.98.0.0/24 trust\n")
    return host.spawn(as_postgres(tools() / "postgres", "-D", data), "postgres", cwd=data)


@pytest.fixture
def postgres(lab, empty_cluster, request):
    """One PostgreSQL on each host, stopped without a farewell."""
    servers = []
    try:
        for host in lab.hosts:
            servers.append(start(lab, host, empty_cluster, getattr(request, "param", IMPATIENT)))
        for host, server in zip(lab.hosts, servers):
            wait_until(lambda: psql(lab, host.v4) == host.v4, 30, server.describe)
        yield servers
    finally:
        for server in servers:
            server.stop(signal.SIGQUIT)  # immediate: it also frees its System V memory


def psql(lab, address, cgroup=None):
    """The server's own address, asked by a psql of its own; or what went wrong."""
    where = f"host={address} port={PORT} user=postgres dbname=postgres"
    done = lab.run("psql", where, *ASK, cgroup=cgroup, check=False)
    return (done.stdout or done.stderr).strip()


def session(lab, address, cgroup=None):
    """An open psql session that listens for notifications. (process, the host it landed on)"""
    client = lab.spawn(["psql", "-XAtq", f"host={address} port={PORT} user=postgres dbname=postgres"],
                       label="psql", cgroup=cgroup, stdin=True)
    client.tell("listen jobs; select inet_server_addr();")
    address = client.prints(r"(10\.98\.0\.\d+)\n", within=10)[1]
    return client, next(h for h in lab.hosts if h.v4 == address)


@with_and_without_reseat
def test_an_idle_session_fails_its_next_query_at_once_and_a_new_one_works(lab, postgres, way):
    if way == "control":
        client, victim = session(lab, lab.a.v4)
        victim.vanish()
        client.tell("select 'answered';")
        return stays_false(lambda: client.exited() or "answered" in client.out, hang_time("postgres"),
                           "psql did not hang")
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(config(service("postgres", f"{SERVICE}:{PORT}", backends(lab, PORT))), cgroup)
    client, victim = session(lab, SERVICE, cgroup)
    at = victim.vanish()
    sidecar.logs(rf"postgres/{victim.name} is DOWN: no answer within .* 1 sockets? terminated")
    note_failover("postgres", now() - at)
    client.tell("select 'answered';")
    CONNECTION_LOST = 2
    assert client.exits(within=1) == CONNECTION_LOST
    # libpq's send() fails with ECONNABORTED, but libpq then prints what it reads: the end of the connection.
    assert re.search("Software caused connection abort|server closed the connection unexpectedly", client.err)
    assert psql(lab, SERVICE, cgroup) == lab.other(victim).v4


@with_and_without_reseat
def test_a_query_that_is_running_is_aborted(lab, postgres, way):
    cgroup, address = lab.cgroup(), lab.a.v4
    if way == "with reseat":
        lab.sidecar(config(service("postgres", f"{SERVICE}:{PORT}", backends(lab, PORT))), cgroup)
        address = SERVICE
    client, victim = session(lab, address, cgroup)
    client.tell("select pg_sleep(100);")
    wait_until(lambda: running(lab, victim), 5, "the query to run")
    at = victim.vanish()
    if way == "control":
        return stays_false(client.exited, hang_time("postgres query"), "psql did not hang")
    assert client.exits(within=BOUND) == 2
    note_failover("postgres query", now() - at)
    assert "Software caused connection abort" in client.err


def running(lab, host):
    sleeping = "select count(*) from pg_stat_activity where state = 'active' and query like 'select pg_sleep%'"
    return lab.run("psql", f"host={host.v4} user=postgres dbname=postgres", "-XAtqc", sleeping).stdout.strip() == "1"


def test_the_watch_and_the_checks_never_use_up_the_server(lab, postgres):
    """PostgreSQL gives a silent connection `authentication_timeout`; checks and watch must live with that."""
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(config(service("postgres", f"{SERVICE}:{PORT}", backends(lab, PORT))), cgroup)
    client, _ = session(lab, SERVICE, cgroup)
    stays_false(lambda: " is DOWN" in sidecar.err, 5.0, "no verdict from a server that closes silent connections")
    client.tell("select 'answered';")
    client.prints("answered")
    assert {psql(lab, SERVICE, cgroup) for _ in range(6)} == {h.v4 for h in lab.hosts}


def watch_connections(lab, sidecar):
    """{host: local address} of the connections that reseat holds."""
    rows = [row.split() for row in lab.run("ss", "-HtnpO", "state", "established").stdout.splitlines()
            if f"pid={sidecar.pid}," in row]
    return {row[3].rsplit(":", 1)[0]: row[2] for row in rows}


@pytest.mark.parametrize("postgres", [""], ids=["defaults"], indirect=True)
def test_the_watch_is_replaced_again_and_again_and_the_server_says_nothing_of_it_E68_E81(lab, postgres):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(config(service("postgres", f"{SERVICE}:{PORT}", backends(lab, PORT))), cgroup)
    client, _ = session(lab, SERVICE, cgroup)
    everybody = {host.v4 for host in lab.hosts}
    for _ in range(3):
        wait_until(lambda: set(watch_connections(lab, sidecar)) == everybody, BOUND, sidecar.describe)
        first = watch_connections(lab, sidecar)
        wait_until(lambda: all(first.get(host) != at for host, at in watch_connections(lab, sidecar).items()), BOUND,
                   lambda: f"{first} to be replaced, now {watch_connections(lab, sidecar)}")
    assert " is DOWN" not in sidecar.err
    client.tell("select 'answered';")
    client.prints("answered")
    assert {psql(lab, SERVICE, cgroup) for _ in range(6)} == everybody
    for server in postgres:
        assert "incomplete startup packet" not in server.err, "the server took probes for clients"
