# SPDX-License-Identifier: Apache-2.0
"""redis: an idle subscription is the connection that nobody writes to, so nobody would ever notice."""
import pytest

from lab import (HERE, PYTHON, backends, config, hang_time, note_failover, service, wait_until,
                 with_and_without_reseat)

SERVICE = "10.96.0.63:6379"


def cli(lab, host, *words):
    return lab.run("redis-cli", "-h", host.v4, *words, check=False).stdout.strip()


@pytest.fixture
def redis_servers(lab):
    """One redis on each host, with its host's name under the key `host`."""
    for host in lab.hosts:
        server = host.spawn(["redis-server", "--bind", host.v4, "--port", "6379", "--save", "", "--appendonly", "no",
                             "--protected-mode", "no", "--daemonize", "no", "--dir", host.directory])
        wait_until(lambda: cli(lab, host, "set", "host", host.name) == "OK", 10, server.describe)


def launch(lab, way, cgroup):
    """The subscriber beside `reseat run`, or straight at host a. (client, reseat)"""
    argv = [PYTHON, HERE / "clients/redis_subscriber.py"]
    if way == "control":
        return lab.spawn([*argv, lab.a.at(6379)]), None
    sidecar = lab.sidecar(config(service("cache", SERVICE, backends(lab, 6379))), cgroup)
    return lab.spawn([*argv, SERVICE], cgroup=cgroup), sidecar


@with_and_without_reseat
def test_an_idle_subscriber_is_told_at_once_and_hears_the_other_server(lab, redis_servers, way):
    client, sidecar = launch(lab, way, lab.cgroup())
    victim = lab.host(client.event("subscribed", within=10)["host"])
    assert wait_until(lambda: cli(lab, victim, "publish", "news", "before"), 5, "a subscriber") == "1"
    assert client.event("message")["text"] == "before"
    at = victim.vanish()
    if way == "control":
        return client.stays_silent(hang_time("redis"))
    broken = client.event("broken")
    assert broken["errno"] == "ECONNABORTED", broken
    note_failover("redis", broken["t"] - at)
    living = lab.other(victim)
    assert client.event("subscribed", after=broken["t"])["host"] == living.name
    assert cli(lab, living, "publish", "news", "after") == "1"
    assert client.event("message", after=broken["t"])["text"] == "after"
    sidecar.logs(rf"cache/{victim.name} is DOWN: no answer within")
