# SPDX-License-Identifier: Apache-2.0
"""What the status page must bear, told by a server that plays reseat: names that attack, names that never end, hundreds
of services; on a phone, in the dark, by keyboard. See page/edge_cases.py."""
import sys

import pytest

from browser import Browser
from lab import HERE, Lab, stays_false, wait_until

sys.path.insert(0, str(HERE / "page"))
from edge_cases import (EMOJI, EVENTS, HEBREW, HOSTILE, LONG, SCRIPT, backend, iso, many_services,  # noqa: E402
                        service, status, strange_status)
from mock_server import MockServer, page  # noqa: E402

DRAWN = 10
SHAPES = ["up", "up", "down", "ejected", "drain", "maint", "unchecked", "removing", "standby"]
OVERFLOW = "document.scrollingElement.scrollWidth - innerWidth"

# Of every text on the page: its contrast with what is behind it (WCAG 2, 1.4.3), where that is below 4.5.
FAINT = """
(() => {
  const channels = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(c => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * x + .7152 * y + .0722 * z;
  };
  const ground = node => {
    for (; node; node = node.parentElement) {
      const [r, g, b, a = 1] = channels(getComputedStyle(node).backgroundColor);
      if (a) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = walk.nextNode());) {
    const node = text.parentElement;
    if (!text.data.trim() || !node.checkVisibility() || node.closest("script, style")) continue;
    const [a, b] = [light(channels(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${text.data.slice(0, 40)}`);
  }
  return found;
})()"""


@pytest.fixture(scope="module")
def stage():
    """One browser for all, in a namespace without hosts."""
    with Lab("") as lab, Browser(lab) as browser:
        yield lab, browser


@pytest.fixture
def browser(stage):
    browser = stage[1]
    browser.complaints.clear()
    browser.look()
    return browser


@pytest.fixture
def play(stage):
    """play(status, events): a server that says so, and the page with it once it is drawn."""
    lab, browser = stage
    mocks = []

    def start(status, events=()):
        mocks.append(MockServer(("127.0.0.1", 0), status, events, lab.client.name).start())
        browser.open(mocks[-1].url)
        browser.wait("document.querySelectorAll('.card').length", DRAWN)
        if events:
            browser.wait(f"events.length === {len(events)} && document.querySelectorAll('.events time').length", DRAWN)
        return mocks[-1]
    yield start
    browser.open("about:blank")
    for mock in mocks:
        mock.stop()


def names(browser):
    return browser.evaluate("[...document.querySelectorAll('.card h3')].map(h => h.textContent)")


def test_names_are_text_whatever_they_say(play, browser):
    play(strange_status, EVENTS)
    assert browser.evaluate("window.owned") is None
    assert browser.evaluate("document.querySelectorAll('img, iframe, [onerror]').length") == 0
    assert browser.evaluate("document.scripts.length") == page().count("<script>")
    text = browser.text()
    for name in (HOSTILE, SCRIPT, LONG, EMOJI, HEBREW):
        assert name in text, name
    assert browser.complaints == []


def test_each_state_has_a_shape_of_its_own(play, browser):
    play(strange_status)
    shapes = "[...document.querySelector('.card tbody').querySelectorAll('.who use')].map(u => u.getAttribute('href'))"
    assert browser.evaluate(shapes) == [f"#g-{shape}" for shape in SHAPES]
    links = "[...document.querySelector('.links').querySelectorAll('path')].map(p => p.getAttribute('class'))"
    assert browser.evaluate(links) == ["", "", "cut", "cut", "leaving", "idle", "idle", "leaving", "idle"]
    share = browser.evaluate("[...document.querySelectorAll('.links path')].slice(0, 2).map(p => +p.getAttribute('stroke-width'))")
    assert share[1] == 3 * share[0], "a link is as thick as its share"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1000, 1400])
def test_nothing_is_wider_than_the_window(play, browser, width, scheme):
    browser.look(width, 740, scheme, phone=width < 500)
    play(strange_status, EVENTS)
    browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate(OVERFLOW) <= 0
    assert browser.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(play, browser, scheme):
    browser.look(scheme=scheme)
    play(strange_status, EVENTS)
    assert browser.evaluate(FAINT) == []


def test_of_hundreds_of_services_those_in_trouble_come_first(play, browser):
    play(many_services)
    assert names(browser)[:7] == ["service-049", "service-099", "service-149", "service-199", "service-249", "service-299", "service-000"]
    assert browser.evaluate("[...document.querySelectorAll('.card details')].map(d => d.open)") == [True] * 6 + [False] * 294
    browser.evaluate("$('filter').value = '10.2.0.17 up'; $('filter').dispatchEvent(new Event('input'))")
    assert names(browser) == ["service-017"] + [f"service-{n}" for n in range(170, 180)]
    assert "11 of 300" in browser.text()
    browser.evaluate("$('filter').value = ''; $('trouble').click()")
    assert len(names(browser)) == 6
    browser.evaluate("$('trouble').click(); $('fold').click()")
    assert browser.evaluate("document.querySelectorAll('.card details[open]').length") == 0
    assert browser.complaints == []


def test_of_many_backends_those_in_trouble_are_shown_and_the_others_on_demand(play, browser):
    rows = [backend(f"b-{n}", "down" if n == 77 else "up", f"10.0.0.{n}:80") for n in range(100)]
    play(lambda: status([service("wide", rows)]))
    shown = "[...document.querySelectorAll('.card tbody bdi')].map(b => b.textContent)"
    assert browser.evaluate(shown)[:2] == ["b-77", "b-0"] and len(browser.evaluate(shown)) == 12
    browser.evaluate("document.querySelector('.card .more').click()")
    assert browser.evaluate(shown) == [f"b-{n}" for n in range(100)]


def test_a_card_that_the_user_folded_stays_folded_and_keyboards_suffice(play, browser):
    play(lambda: status([service("one", [backend("a")]), service("two", [backend("b", "down")])]))
    browser.press("/")
    assert browser.evaluate("document.activeElement.id") == "filter"
    browser.evaluate("document.querySelector('.card summary').focus()")
    browser.press("Enter")
    assert browser.evaluate("document.querySelector('.card details').open") is False
    browser.wait("(window.first ??= answeredAt) !== answeredAt", DRAWN)
    assert browser.evaluate("[...document.querySelectorAll('.card details')].map(d => d.open)") == [False, True]
    assert browser.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_events_come_as_they_happen_and_none_twice(play, browser):
    mock = play(lambda: status([service("one", [backend("a")])]), EVENTS)
    mock.tell(at=iso(), level="warn", type="backend_down", service="one", backend="a", message="one/a is DOWN: refused")
    browser.wait("document.querySelector('.events p')?.textContent === 'one/a is DOWN: refused'", DRAWN)
    mock.stop()
    browser.wait("!document.getElementById('lost').hidden", DRAWN)
    mock.start()
    mock.tell(at=iso(), level="info", type="backend_up", service="one", backend="a", message="one/a is UP: connected")
    browser.wait("document.querySelector('.events p')?.textContent === 'one/a is UP: connected'", DRAWN)
    assert browser.evaluate("events.map(e => e.id)") == list(range(1, len(EVENTS) + 3))


def test_another_process_behind_the_same_address_begins_anew(play, browser):
    mock = play(lambda: status([service("one", [backend("a")])]), EVENTS)
    mock.stop()
    fresh = {**status([service("one", [backend("a", "down")])]), "started_at": iso()}
    mock.status, mock.events = fresh, []
    mock.tell(at=iso(), level="warn", type="backend_down", service="one", backend="a", message="one/a is DOWN: refused")
    mock.start()
    browser.wait("events.length === 1 && document.querySelector('.events p').textContent === 'one/a is DOWN: refused'", DRAWN)


def test_while_nobody_looks_nothing_is_asked(play, browser):
    mock = play(strange_status, EVENTS)
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))"
    browser.evaluate(hide % "true")
    browser.wait("following === null", DRAWN)
    asked = len(mock.requests)
    stays_false(lambda: len(mock.requests) > asked, 2.5, "it asked although hidden")
    browser.evaluate(hide % "false")
    wait_until(lambda: len(mock.requests) > asked + 1, DRAWN, "status and events, as soon as it is seen again")
