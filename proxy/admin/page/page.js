// SPDX-License-Identifier: Apache-2.0
// The whole page, as the status has it.
"use strict";

const FEW = 12;                               // so many services all stand open, in the order of the configuration
const UNFOLDED = 10;                          // of more, so many in trouble are opened by themselves
const MOST = 400;                             // on the page at all

const cards = new Map();
let latest = null;

function show(status) {
  latest = status;
  const [form, tone, text] = verdict(status, status.services.filter(rank));
  reshape($("verdict-glyph"), form, tone);
  say($("verdict"), text);
  document.title = `${text} · reseat ${status.instance}`;
  mark($("icon"), "href", favicon(tone));
  showFacts(status);
  showReload(status.config.last_reload);
  showServices();
  showPolicies(status.policies);
}

function favicon(tone) {
  const colour = {good: "#2c9c66", warn: "#d69a1f", bad: "#d6382b"}[tone] || "#8b949e";
  const dot = `<svg xmlns="${SVG}" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${colour}"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(dot)}`;
}

function showFacts(status) {
  const {workload, config, kernel, services} = status;
  const backends = services.flatMap(s => s.backends), out = backends.filter(b => TROUBLED.has(b.state)).length;
  const failovers = services.map(s => s.last_failover).filter(Boolean).map(f => f.at).sort();
  say($("instance"), status.instance);
  say($("version"), status.version);
  say($("sums"), [many(backends.length, "backend"), out ? `${count(out)} out` : "none out",
    many(sum(services, s => s.open_sockets), "open socket"),
    failovers.length ? `last failover ${age(failovers.pop())} ago` : "no failover so far"].join(" · "));
  const facts = [
    ["Workload", workload.cgroup], ["Running for", status.started_at ? age(status.started_at) : "–"],
    ["Pinned", workload.pinned ? "yes" : "no"],
    ["Configuration", config.path], ["In force since", config.loaded_at ? moment(config.loaded_at) : "–"],
    ["Kernel", kernel.release], ["Engines", [...kernel.terminate, ...(kernel.repoint ? ["re-point"] : [])].join(", ") || "none"]];
  fill($("facts"), facts, ([term, value]) => make("div", {}, make("dt", {}, term), make("dd", {}, value)));
}

function showReload({ok, at, error}) {
  $("reload").hidden = ok;
  const [what, when, why] = $("reload").children;
  say(what, ok ? "" : "The last reload failed; the configuration before it stays in force.");
  say(when, ok ? "" : ` ${age(at)} ago:`);
  say(why, ok ? "" : error);
}

const filterWords = () => $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
const keyOf = service => `${service.name}\n${service.protocol}`;

function matches(service, words) {
  if ($("trouble").checked && !rank(service)) return false;
  if (!words.length) return true;
  const text = [service.name, service.protocol, ...service.addresses,
    ...service.backends.flatMap(b => [b.name, b.address, b.state])].join(" ").toLowerCase();
  return words.every(word => text.includes(word));
}

function showServices() {
  const {services} = latest, few = services.length <= FEW;
  updateCards(services, few);
  const words = filterWords();
  const matching = services.filter(service => matches(service, words)).map(service => cards.get(keyOf(service)));
  if (!few) matching.sort((a, b) => b.rank - a.rank);
  const shown = matching.slice(0, MOST), focused = document.activeElement;
  $("services").classList.toggle("many", !few);
  arrange($("services"), shown.map(card => card.node));
  if (focused !== document.activeElement && $("services").contains(focused)) focused.focus({preventScroll: true});
  const of = matching.length < services.length ? ` of ${count(services.length)}` : "";
  say($("shown"), matching.length > MOST ? `the first ${MOST} of ${count(matching.length)}: filter for the others`
                                         : count(matching.length) + of);
  shown.forEach(card => card.paint());
}

/** One card per service. Those in trouble open by themselves; none is folded but by the user. */
function updateCards(services, few) {
  const gone = new Set(cards.keys());
  let open = 0;
  for (const service of services) {
    const key = keyOf(service);
    gone.delete(key);
    if (!cards.has(key)) cards.set(key, new Card());
    const card = cards.get(key);
    if (card.chosen === undefined && (few || (rank(service) && open < UNFOLDED))) card.details.open = true;
    open += card.details.open;
    card.update(service);
  }
  for (const key of gone) {
    cards.get(key).remove();
    cards.delete(key);
  }
}

function showPolicies(policies) {
  $("policies").hidden = !policies.length;
  const row = p => [p.action, count(p.denied_total), count(p.terminated_total)].map(text => make("td", {}, text));
  fill($("policies").querySelector("tbody"), policies, p => make("tr", {}, make("td", {}, make("bdi", {}, p.name)), ...row(p)));
}

// ---- the user

$("filter").addEventListener("input", () => {
  if (latest) showServices();
  showEvents();
});
$("trouble").addEventListener("change", () => latest && showServices());
$("kind").addEventListener("change", showEvents);
$("older").addEventListener("click", () => {
  shownEvents += PAGE;
  showEvents();
});
$("fold").addEventListener("click", () => {
  const open = $("fold").textContent === "Unfold all";
  for (const card of cards.values()) card.chosen = card.details.open = open;
  say($("fold"), open ? "Fold all" : "Unfold all");
  if (latest) showServices();
});
document.addEventListener("keydown", event => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing) return;
  event.preventDefault();
  $("filter").focus();
});
if (matchMedia("(max-width: 46rem)").matches) $("about").open = false;
