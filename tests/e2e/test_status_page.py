# SPDX-License-Identifier: Apache-2.0
"""The status page of a running sidecar, in headless Chromium: live, without a reload, and read-only."""
import json
import signal
import sys

import pytest

from browser import Browser
from lab import BOUND, ECHO_PORT, HERE, PYTHON, backends, config, service, wait_until

sys.path.insert(0, str(HERE / "page"))
from mock_server import page  # noqa: E402

SHOWN = BOUND + 3  # a verdict, and the page's next look at it
PORT = 9901
URL = f"http://127.0.0.1:{PORT}/"

ROW = """
(name => {
  const row = [...document.querySelectorAll(".card tbody tr")].find(r => r.querySelector("bdi").textContent === name);
  const index = [...row.parentNode.children].indexOf(row), card = row.closest(".card");
  const cell = label => row.querySelector(`[data-label="${label}"]`).textContent;
  return {text: row.querySelector(".who").textContent, shape: row.querySelector(".who use").getAttribute("href"),
          link: card.querySelectorAll(".links path")[index].getAttribute("class"), share: cell("Share"), open: cell("Open"),
          line: row.querySelector(".plot .line").getAttribute("d"), miss: row.querySelector(".plot .miss").getAttribute("d"),
          plot: row.querySelector(".plot").getAttribute("aria-label"), check: row.querySelector(".check small").textContent};
})(%s)"""
EVENT = "[...document.querySelectorAll('.events li p')].map(p => p.textContent).find(text => text.startsWith(%s)) || ''"


def balanced(lab, more=""):
    return config(service("echo", "10.96.0.7:7", backends(lab, ECHO_PORT), more=more))


def with_address(file, text):
    """The configuration, with a TCP listener beside the Unix socket."""
    file.write_text(text.replace("}", f', address: "127.0.0.1:{PORT}"}}', 1))


def start(lab, text, cgroup=None, **options):
    return lab.sidecar(text, cgroup or lab.cgroup(), write=with_address, **options)


def row(browser, name):
    return browser.evaluate(ROW % json.dumps(name))


def shows(browser, name, condition, within=SHOWN):
    """Waits until the row of this backend is as wanted; returns it."""
    rows = "document.querySelectorAll('.card tbody tr').length"
    return wait_until(lambda: browser.evaluate(rows) and condition(row(browser, name)) and row(browser, name), within,
                      lambda: f"{row(browser, name)}: {browser.text()} {browser.complaints}")


def idle(lab, cgroup):
    client = lab.spawn([PYTHON, HERE / "clients/idle_tcp.py", "one=10.96.0.7/7", "two=10.96.0.7/7"], cgroup=cgroup)
    return client, {name: client.event(name, within=10)["host"] for name in ("one", "two")}


@pytest.fixture
def browser(lab):
    with Browser(lab) as started:
        started.look()
        yield started


def test_what_is_served_is_made_of_the_sources(lab, echo):
    assert start(lab, balanced(lab)).get("/") == (200, page())


def test_it_shows_who_serves_what(lab, echo, browser):
    cgroup = lab.cgroup()
    sidecar = start(lab, balanced(lab), cgroup)
    idle(lab, cgroup)
    browser.open(URL)
    for host in lab.hosts:
        found = shows(browser, host.name, lambda r: r["open"] == "1" and "L" in r["line"])
        assert host.at(ECHO_PORT) in found["text"] and "up for" in found["text"]
        assert (found["shape"], found["link"], found["share"]) == ("#g-up", "", "50 %weight 1")
        assert found["check"].startswith("tcp · passed · ") and found["miss"] == ""
        assert " passed, latency " in found["plot"]
    status = sidecar.status()
    for word in ("echo is healthy", "10.96.0.7:7", "default", status["version"], status["kernel"]["release"], "ready · live",
                 str(cgroup.path), str(sidecar.file)):
        browser.wait(f"document.body.innerText.includes({json.dumps(word)})", SHOWN)
    assert browser.complaints == []


def test_it_follows_a_failover_without_a_reload(lab, echo, browser):
    cgroup = lab.cgroup()
    start(lab, balanced(lab), cgroup)
    idle(lab, cgroup)
    browser.open(URL)
    shows(browser, "a", lambda r: r["open"] == "1")
    browser.evaluate("window.same = true")
    lab.a.vanish()
    down = shows(browser, "a", lambda r: r["shape"] == "#g-down" and r["miss"])
    assert "down for" in down["text"] and "no answer within 200ms" in down["text"], down
    assert (down["link"], down["share"], down["open"]) == ("cut", "–weight 1", "0"), down
    shows(browser, "b", lambda r: r["share"].startswith("100 %") and r["open"] == "2")
    assert "1 socket" in browser.wait(EVENT % '"echo/a is DOWN: no answer within 200ms"', SHOWN)
    assert browser.evaluate("document.getElementById('verdict').textContent") == "echo: a is down"
    assert "Last failover" in browser.text() and "1 terminated" in browser.text()
    lab.a.reappear()
    shows(browser, "a", lambda r: r["shape"] == "#g-up" and r["share"].startswith("50 %"))
    browser.wait(EVENT % '"echo/a is UP"', SHOWN)
    assert browser.evaluate("window.same") is True
    assert browser.complaints == []


def test_it_tells_who_waits_and_why(lab, echo, browser):
    cgroup = lab.cgroup()
    sidecar = start(lab, balanced(lab), cgroup)
    lab.b.vanish()
    sidecar.wait_state("echo", "b", "down")
    idle(lab, cgroup)
    browser.open(URL)
    lab.a.vanish()
    browser.wait("document.querySelector('.notes')?.textContent.includes('2 sockets waiting: ')", SHOWN)
    assert browser.evaluate("document.getElementById('verdict').textContent") == "echo: no backend is eligible"
    assert "fail open" in browser.text()
    assert row(browser, "a")["link"] == "panic"
    assert browser.complaints == []


def test_a_reload_that_failed_is_the_first_thing_to_see(lab, echo, browser):
    sidecar = start(lab, balanced(lab))
    browser.open(URL)
    browser.wait("document.querySelectorAll('.card').length", SHOWN)
    sidecar.configure(balanced(lab).replace("protocol: tcp", "protocol: tpc"))
    browser.wait("!document.getElementById('reload').hidden", SHOWN)
    text = browser.evaluate("document.getElementById('reload').textContent")
    assert "stays in force" in text and "tpc" in text, text
    assert browser.complaints == []


def test_it_says_when_reseat_is_gone_and_goes_on_when_it_is_back(lab, echo, browser):
    sidecar = start(lab, balanced(lab))
    browser.open(URL)
    shows(browser, "a", lambda r: r["shape"] == "#g-up")
    browser.evaluate("window.same = true")
    assert browser.complaints == []
    sidecar.send_signal(signal.SIGKILL)
    browser.wait("!document.getElementById('lost').hidden", 10)
    assert "Connection lost" in browser.evaluate("document.getElementById('lost').textContent")
    lab.a.vanish()
    start(lab, balanced(lab), label="next")
    browser.wait("document.getElementById('lost').hidden", 10)
    shows(browser, "a", lambda r: r["shape"] == "#g-down", within=10)
    browser.wait(EVENT % '"echo/a is DOWN"', SHOWN)
    assert browser.evaluate("window.same") is True
    unexpected = [c for c in browser.complaints if "ERR_CONNECTION_REFUSED" not in c and "ERR_" not in c]
    assert unexpected == []


def test_it_changes_nothing_over_tcp(lab, echo, browser):
    """The page has no way to: its listener refuses what is not a GET."""
    sidecar = start(lab, balanced(lab))
    browser.open(URL)
    shows(browser, "a", lambda r: r["shape"] == "#g-up")
    refused = browser.evaluate("fetch('services/echo/backends/a/weight?weight=7', {method: 'POST'}).then(r => r.status)")
    assert refused in (403, 405)
    assert sidecar.backend("echo", "a")["weight"] == 1
