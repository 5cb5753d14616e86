// SPDX-License-Identifier: Apache-2.0
// What the status means, in words, without touching the page.
"use strict";

let ahead = 0;                                // the server's clock minus ours, where they differ by seconds
const now = () => Date.now() + ahead;
const age = at => lasting(now() - Date.parse(at));

const TROUBLED = new Set(["down", "ejected"]);
const TONES = {up: "good", standby: "soft", down: "bad", ejected: "bad", drain: "warn", maint: "warn", removing: "warn",
               leaving: "warn", unready: "warn", unchecked: "soft"};
const familyOf = backend => (backend.address.startsWith("[") ? "IPv6" : "IPv4");

/** The shape of a backend: its state, but one that is up and carries nothing stands by. */
function shape(backend) {
  if (backend.state === "up" && !backend.effective_weight) return "standby";
  return Object.hasOwn(TONES, backend.state) ? backend.state : "unchecked";
}

/** Why a backend that is up gets no new connections, or one that is not does. */
function remark(backend, service) {
  if (backend.state === "up" && !backend.effective_weight) {
    if (backend.weight === 0) return "weight 0";
    const level = Math.min(...service.backends.filter(b => b.effective_weight).map(b => b.priority));
    return level < backend.priority ? "standby" : "not in use";
  }
  return TROUBLED.has(backend.state) && backend.effective_weight ? "still in use" : "";
}

/** 2: nobody is there to serve; 1: look at it; 0: well. */
function rank(service) {
  if (!service.eligible || service.panic) return 2;
  const unresolved = (service.discovery || []).some(name => name.error);
  const hanging = service.waiting + service.stuck + service.untracked;
  return unresolved || hanging || service.backends.some(b => TROUBLED.has(b.state)) ? 1 : 0;
}

/** "2 up · 1 down" */
function tally(service) {
  const states = new Map();
  for (const b of service.backends) states.set(b.state, (states.get(b.state) || 0) + 1);
  return [...states].map(([state, number]) => `${number} ${state}`).join(" · ") || "no backend";
}

/** The one thing about a service in trouble that matters most. */
function trouble(service) {
  const lost = service.backends.filter(b => TROUBLED.has(b.state));
  if (!service.total) return "there is no backend";
  if (!service.eligible) return "no backend is eligible";
  if (lost.length === 1) return `${lost[0].name} is ${lost[0].state}`;
  if (lost.length) return `${lost.length} of ${service.total} backends are out`;
  if (service.stuck) return `${many(service.stuck, "socket")} stuck`;
  if (service.waiting) return `${many(service.waiting, "socket")} waiting`;
  return service.untracked ? `${many(service.untracked, "socket")} untracked` : "a name does not resolve";
}

function verdict(status, worried) {
  const all = status.services.length;
  if (!status.ready) return ["unchecked", "warn", "Starting: not every backend has been checked yet"];
  if (!all) return ["info", "soft", "No service is configured"];
  const worst = Math.max(0, ...worried.map(rank));
  const sign = worst === 2 ? ["down", "bad"] : ["warn", "warn"];
  if (worried.length === 1) return [...sign, `${worried[0].name}: ${trouble(worried[0])}`];
  if (worried.length) return [...sign, `${worried.length} of ${all} services need attention`];
  return ["up", "good", all === 1 ? `${status.services[0].name} is healthy` : `All ${all} services are healthy`];
}

/** Where new connections go while no backend is eligible, or health is ignored. */
function plight(service) {
  if (!service.total) return "There is no backend: new connections are refused.";
  if (service.eligible) return "Panic mode: too few backends are healthy, so health is ignored for new connections.";
  if (service.panic) return "No backend is eligible: new connections go to the last healthy ones (fail open).";
  return service.backends.some(b => b.effective_weight)
    ? "No backend is known to be healthy: new connections go to those that have not been checked yet."
    : "No backend is eligible: new connections are refused.";
}

function unresolved(name) {
  const good = `The last good answer${name.at ? `, ${age(name.at)} old,` : ""} is still used.`;
  const serves = name.addresses.length ? good : "No address is known.";
  const wait = Date.parse(name.next) - now();
  return `${name.name} does not resolve: ${name.error}. ${serves} Next query ${wait > 0 ? `in ${lasting(wait)}` : "now"}.`;
}

/** [tone, text] for each thing about a service that needs words. */
function notes(service) {
  const list = [];
  const add = (tone, text) => list.push([tone, text]);
  if (!service.eligible || service.panic) add("bad", plight(service));
  if (service.waiting)
    add("warn", `${many(service.waiting, "socket")} waiting: their backend is out, but no other backend is eligible. ` +
      "They are terminated or re-pointed as soon as one is.");
  if (service.stuck)
    add("warn", `${many(service.stuck, "socket")} stuck: could not be terminated yet, so their clients hang. reseat retries; ` +
      `“reseat sockets ${service.name}” shows their processes.`);
  if (service.untracked)
    add("warn", `${many(service.untracked, "socket")} untracked: older than reseat and could not be terminated. ` +
      "Restart their processes.");
  for (const name of service.discovery || []) {
    if (name.error) add("warn", unresolved(name));
    for (const found of name.service_addresses || [])
      add("warn", `${name.name} resolves to ${found.address}, the address of a service and not of a server: connections to it ` +
        "are not balanced again.");
  }
  return list;
}

/** The last failover and where names lead, in a sentence each. */
function footnotes(service) {
  const last = service.last_failover, lines = [];
  if (last)
    lines.push(`Last failover ${age(last.at)} ago: ${last.backend}, ${last.reason}: of ${many(last.matched, "socket")} ` +
      `${last.terminated} terminated, ${last.repointed} re-pointed, ${last.failed} failed, in ${latency(last.duration_us)}.`);
  for (const name of service.discovery || [])
    if (!name.error && name.at)
      lines.push(`${name.name} has ${many(name.addresses.length, "address", "addresses")}, as of ${age(name.at)} ago` +
        ((name.held || []).length ? `; ${name.held.length} of them absent from DNS, and held.` : "."));
  return lines.join(" ");
}
