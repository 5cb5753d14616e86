// SPDX-License-Identifier: Apache-2.0
// What the server says: the status once a second, events as they happen.
"use strict";

const PERIOD = 1000, PATIENCE = 5000;         // between two looks, and for one answer
const SILENCE = 3000;                         // after so long without an answer the picture is called old
const MANY_BACKENDS = 150, SELDOM = 30;       // with more backends, their checks' past comes with every 30th answer only

let answeredAt = Date.now(), answers = 0, asking = false, next = 0;
let following = null, lastId = 0, startedAt = null;

/** Once a second, or as seldom as a fifth of the time is spent on it; not while nobody looks. */
async function poll() {
  if (asking || document.hidden) return;
  clearTimeout(next);
  asking = true;
  const began = performance.now(), status = await ask();
  asking = false;
  const took = performance.now() - began;
  next = setTimeout(poll, Math.max(PERIOD - took, 4 * took));
  if (!status) return following?.abort();     // what does not answer here says nothing there either
  answeredAt = Date.now();
  if (status.started_at !== startedAt) events.length = lastId = 0;  // another process counts from the beginning
  startedAt = status.started_at;
  show(status);
  pulse();
  follow();
}

/** The status, or null. */
async function ask() {
  const few = !latest || sum(latest.services, service => service.backends.length) < MANY_BACKENDS;
  try {
    const response = await fetch(few || answers % SELDOM === 0 ? "status?history=1" : "status",
                                 {cache: "no-store", signal: AbortSignal.timeout(PATIENCE)});
    const ours = Date.now(), theirs = Date.parse(response.headers.get("date"));
    ahead = Math.abs(theirs - ours) > 2500 ? theirs - ours : 0;
    if (!response.ok) return null;
    answers += 1;
    return await response.json();
  } catch {
    return null;
  }
}

/** The events since the last one, for as long as the connection holds; the next answer starts it again where it ended. */
async function follow() {
  if (following) return;
  following = new AbortController();
  try {
    const response = await fetch(`events?follow=1&since=${lastId}`, {cache: "no-store", signal: following.signal});
    if (!response.ok) return;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = "", chunk; !(chunk = await reader.read()).done;) {
      const lines = (rest + chunk.value).split("\n");
      rest = lines.pop();
      const fresh = lines.filter(Boolean).map(line => JSON.parse(line));
      if (!fresh.length) continue;
      lastId = fresh[fresh.length - 1].id;
      accept(fresh);
    }
  } catch {
    // It ended in mid-sentence: the next one repeats what is missing.
  } finally {
    following = null;
  }
}

/** Says how old the picture is: once aloud, every second in print. */
function pulse() {
  const silent = Date.now() - answeredAt, lost = silent > SILENCE && !document.hidden;
  const [what, since] = $("lost").children;
  document.body.classList.toggle("stale", lost);
  $("lost").hidden = !lost;
  say(what, lost ? "Connection lost: reseat does not answer." : "");
  say(since, lost && latest ? ` Last data ${lasting(silent)} ago, at ${clock(answeredAt)}.` : "");
  if (latest) say($("pulse"), lost ? "stale" : latest.ready ? "ready · live" : "not ready · live");
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return following?.abort();
  answeredAt = Date.now();
  poll();
});
setInterval(pulse, PERIOD);
poll();
