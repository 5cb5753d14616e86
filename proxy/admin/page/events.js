// SPDX-License-Identifier: Apache-2.0
// What happened, the newest first.
"use strict";

const KEPT = 1000, PAGE = 40;
const MARKS = {
  backend_up: ["up", "good"], backend_ready: ["up", "good"], backend_readmitted: ["up", "good"], ready: ["up", "good"],
  backend_down: ["down", "bad"], backend_restarted: ["down", "bad"], backend_ejected: ["ejected", "bad"],
  backend_drain: ["drain", "warn"], backend_maint: ["maint", "warn"], policy_denied: ["removing", "warn"],
  sockets_ended: ["moved", "flow"], network_suspected: ["warn", "bad"], reload_failed: ["warn", "bad"], warning: ["warn", "warn"],
};
const FAILOVERS = new Set(["backend_up", "backend_down", "backend_ejected", "backend_readmitted", "backend_ready", "backend_drain",
  "backend_maint", "backend_restarted", "sockets_ended", "network_suspected"]);
const BY_LEVEL = {error: "bad", warn: "warn"};

const events = [];
let shownEvents = PAGE, eventsDirty = false;

/** New ones, in the order of time. */
function accept(list) {
  events.push(...list);
  events.splice(0, Math.max(0, events.length - KEPT));
  if (!eventsDirty) requestAnimationFrame(showEvents);
  eventsDirty = true;
}

function isWanted(event, words) {
  if ($("kind").value !== "all" && !FAILOVERS.has(event.type)) return false;
  const text = `${event.service} ${event.backend} ${event.message}`.toLowerCase();
  return words.every(word => text.includes(word));
}

function showEvents() {
  eventsDirty = false;
  const words = filterWords(), list = events.filter(event => isWanted(event, words)).reverse(), nodes = [];
  let today = day(now());
  for (const event of list.slice(0, shownEvents)) {
    if (day(event.at) !== today) nodes.push(make("li", {class: "day"}, today = day(event.at)));
    nodes.push(entry(event));
  }
  if (!nodes.length) nodes.push(make("li", {class: "day"}, words.length ? "No event matches the filter." : "No events so far."));
  $("events").replaceChildren(...nodes);
  $("older").hidden = list.length <= shownEvents;
}

function entry(event) {
  const [form, tone] = MARKS[event.type] || ["info", BY_LEVEL[event.level] || "soft"];
  const subject = [event.service, event.backend].filter(Boolean).join("/");
  const text = event.message.startsWith(subject) ? event.message.slice(subject.length) : ` ${event.message}`;
  const details = (event.details || []).map(line => make("p", {class: "soft"}, line));
  return make("li", {}, make("time", {datetime: event.at, title: event.at}, clock(event.at)), glyph(form, tone),
              make("div", {}, make("p", {}, make("bdi", {}, subject), subject ? text : text.trim()), ...details));
}
