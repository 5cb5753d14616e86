# SPDX-License-Identifier: Apache-2.0
"""HTTP: nginx as the backend, curl and http.client as the workload."""
import signal

import pytest

from lab import (BOUND, DETECTION, HERE, PYTHON, backends, config, hang_time, note_failover, now, service,
                 stays_false, wait_until, with_and_without_reseat)
from nginx import SLOW_SIZE, start_nginx

SERVICE = "10.96.0.80:80"
IDLE = 4  # seconds between curl's two requests; a verdict fits in


@pytest.fixture
def nginx(lab):
    """One nginx on each host. {host name: process}"""
    return {host.name: start_nginx(lab, host) for host in lab.hosts}


def web(lab):
    return config(service("web", SERVICE, backends(lab, 80), check="type: http, http: {path: /who}"))


def launch(lab, way, argv, **options):
    """The workload behind reseat, or straight at host a."""
    words = [SERVICE if word == "ADDRESS" else word for word in argv]
    if way == "with reseat":
        return lab.spawn_behind(web(lab), words, **options)
    return lab.spawn([word.replace(SERVICE, lab.a.at(80)) for word in map(str, words)], **options)


@with_and_without_reseat
def test_a_download_is_aborted_and_asked_again_of_the_live_host(lab, nginx, way):
    client = launch(lab, way, [PYTHON, HERE / "clients/http_download.py", "ADDRESS"])
    victim = lab.host(client.event("downloading", within=10)["host"])
    at = victim.vanish()
    if way == "control":
        return client.stays_silent(hang_time("download"))
    broken = client.event("broken", within=BOUND)
    assert broken["errno"] == "ECONNABORTED"
    note_failover("download", broken["t"] - at)
    assert client.event("asked again")["host"] == lab.other(victim).name
    client.logs(rf"web/{victim.name} is DOWN: no answer within")
    assert client.exits() == 0


@with_and_without_reseat
def test_curl_notices_before_it_uses_its_idle_connection_again(lab, nginx, way):
    url = f"http://{SERVICE}/who"
    client = launch(lab, way, ["curl", "-sSN", "--rate", f"{60 // IDLE}/m", url, url], label="curl")
    began = now()
    victim = lab.host(client.prints(r"([ab])\n", within=10)[1])
    victim.vanish()
    assert IDLE > BOUND
    if way == "control":
        stays_false(lambda: client.exited() or len(client.out) > 2, began + IDLE - now() + hang_time("curl"),
                    "curl got its second answer from nowhere")
        return
    assert client.exits(within=IDLE + BOUND) == 0, client.describe()
    assert client.out == f"{victim.name}\n{lab.other(victim).name}\n"


@with_and_without_reseat
def test_curl_in_mid_transfer_is_told_by_name(lab, nginx, way):
    client = launch(lab, way, ["curl", "-sSN", "-D", "/dev/stderr", f"http://{SERVICE}/slow"], label="curl")
    victim = lab.host(client.prints(r"X-Host: ([ab])", within=10, stream="err")[1])
    wait_until(lambda: client.out, 5, "the first bytes")
    at = victim.vanish()
    if way == "control":
        return stays_false(client.exited, hang_time("curl download"), "curl gave up by itself")
    CURLE_RECV_ERROR = 56
    assert client.exits(within=BOUND) == CURLE_RECV_ERROR
    note_failover("curl download", now() - at)
    assert "Software caused connection abort" in client.err


@with_and_without_reseat
def test_a_load_loses_at_most_the_requests_in_flight_when_a_host_vanishes(lab, nginx, way):
    threads = 4
    client = launch(lab, way, [PYTHON, HERE / "clients/http_load.py", "ADDRESS", threads], stdin=True)
    both = {"a"} if way == "control" else {"a", "b"}
    client.event("progress", within=10, such_that=lambda e: set(e["answered_by"]) == both)
    at = lab.a.vanish()
    if way == "control":
        stuck = client.event("progress", within=5, after=at + 0.5)["answered_by"]
        stays_false(lambda: client.events()[-1]["answered_by"] != stuck, hang_time("load"), "requests went on")
        return
    verdict = client.event("progress", within=2 * BOUND, after=at + BOUND)
    client.event("progress", within=5, such_that=lambda e: e["answered_by"]["b"] > verdict["answered_by"]["b"] + 50)
    client.hang_up()
    done = client.event("done")
    assert len(done["failures"]) <= threads
    assert {failure["errno"] for failure in done["failures"]} <= {"ECONNABORTED"}
    assert done["slowest"] <= BOUND
    assert set(done["answered_by"]) == both


def test_a_graceful_shutdown_under_load_loses_not_one_request_E61(lab, nginx):
    load = lab.spawn_behind(web(lab), [PYTHON, HERE / "clients/http_load.py", SERVICE, 3], stdin=True)
    downloads = [lab.spawn_behind(web(lab), ["curl", "-sSN", "-D", "/dev/stderr", f"http://{SERVICE}/slow"],
                                  label=f"curl-{n}") for n in range(4)]
    hosts = [d.prints(r"X-Host: ([ab])", within=10, stream="err")[1] for d in downloads]
    load.event("progress", within=10, such_that=lambda e: set(e["answered_by"]) == {"a", "b"})
    leaving = hosts[0]
    nginx[leaving].send_signal(signal.SIGQUIT)
    stopped = now()
    load.logs(rf"web/{leaving} is DOWN: ", within=BOUND)
    assert not downloads[0].exited(), "the drain has to be observed while a download goes on"
    for download in downloads:
        assert download.exits(within=15) == 0, download.describe()
        assert len(download.out) == SLOW_SIZE
    assert nginx[leaving].exits(within=15) == 0, "nginx waits for its requests in flight"
    load.event("progress", within=5, after=stopped + DETECTION)
    load.hang_up()
    done = load.event("done")
    assert done["failures"] == []
    assert sum(done["answered_by"].values()) > 100
