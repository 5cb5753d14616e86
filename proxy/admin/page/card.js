// SPDX-License-Identifier: Apache-2.0
// A service: one card, folded or open.
"use strict";

const ROWS = 12, STRIP = 24;                  // backends shown at once, and as shapes in a folded card
const CALM = 30000;                           // how long a service that is well again keeps its place

class Card {
  constructor() {
    this.rows = new Map();
    this.seen = true;
    this.troubledAt = -Infinity;
    this.links = new Links();
    this.notes = make("div", {class: "notes"});
    this.from = make("div", {class: "from"});
    this.foot = make("footer");
    this.more = make("button", {type: "button", class: "more", hidden: ""});
    this.picture = make("div", {class: "picture"}, this.from, make("div", {class: "between"}, this.links.node),
                        make("div", {}, this.makeTable(), this.more));
    this.details = make("details", {}, this.makeSummary(), this.notes, this.picture, this.foot);
    this.node = make("article", {class: "card"}, this.details);
    this.details.addEventListener("toggle", () => this.paint());
    this.more.addEventListener("click", () => {
      this.whole = !this.whole;
      this.list(this.service);
      this.paint();
    });
    cardOf.set(this.node, this).set(this.table, this);
    sight.observe(this.node);
    sizes.observe(this.table);
  }

  makeSummary() {
    this.glyph = glyph("up");
    this.name = make("bdi");
    this.kind = make("span", {class: "soft"});
    this.where = make("span", {class: "where mono soft"});
    this.strip = make("span", {class: "strip", "aria-hidden": "true"});
    this.tally = make("span", {class: "count"});
    const node = make("summary", {}, glyph("chevron", "chevron"), this.glyph, make("h3", {}, this.name), this.kind, this.where,
                      this.strip, this.tally);
    node.addEventListener("click", () => { this.chosen = !this.details.open; });
    return node;
  }

  /** The roles say again what the elements are: on a phone they are laid out as something else. */
  makeTable() {
    const head = text => make("th", {scope: "col", role: "columnheader"}, text);
    this.span = head("Checks");
    this.body = make("tbody", {role: "rowgroup"});
    const heads = make("tr", {role: "row"}, ...["Backend", "Share", "Open", "Connects"].map(head), this.span);
    this.table = make("table", {role: "table"}, make("thead", {role: "rowgroup"}, heads), this.body);
    return this.table;
  }

  update(service) {
    this.service = service;
    const level = rank(service);
    if (level) {
      this.troubledAt = performance.now();
      this.level = level;
    }
    this.rank = level || (performance.now() - this.troubledAt < CALM ? this.level : 0);
    mark(this.node, "data-rank", level);
    reshape(this.glyph, ["up", "warn", "down"][level], ["good", "warn", "bad"][level]);
    say(this.name, service.name);
    say(this.kind, `${service.protocol} · ${service.lb_policy.replace("_", " ")}`);
    say(this.where, service.addresses[0] + (service.addresses.length > 1 ? ` +${service.addresses.length - 1}` : ""));
    say(this.tally, `${tally(service)} · ${count(service.open_sockets)} open`);
    this.sketch(service);
    if (this.details.open) this.unfold(service);
  }

  /** The folded card's backends as shapes. */
  sketch(service) {
    const forms = service.backends.slice(0, STRIP).map(shape), others = service.backends.length - forms.length;
    const key = forms.join() + others;
    if (key === this.sketched) return;
    this.sketched = key;
    this.strip.replaceChildren(...forms.map(form => glyph(form, TONES[form])), others ? `+${others}` : "");
  }

  unfold(service) {
    this.picture.hidden = !service.backends.length;
    mark(this.table, "aria-label", `Backends of ${service.name}`);
    fill(this.notes, notes(service), ([tone, text]) => make("p", {class: tone}, text));
    fill(this.from, service.addresses, text => make("div", {class: "mono"}, text));
    say(this.foot, footnotes(service));
    this.list(service);
  }

  /** One row per backend; where they are many, those in trouble and some more. */
  list(service) {
    const many = service.backends.length > ROWS;
    let shown = service.backends;
    const urgency = backend => (TROUBLED.has(backend.state) ? 0 : backend.state !== "up" ? 1 : 2);
    if (many && !this.whole) shown = [...shown].sort((a, b) => urgency(a) - urgency(b)).slice(0, ROWS);
    this.more.hidden = !many;
    say(this.more, this.whole ? "Show fewer" : `Show all ${service.backends.length} backends`);
    const before = this.rows;
    this.rows = new Map();
    for (const backend of shown) {
      const key = `${backend.name}\n${backend.address}`, row = before.get(key) || new Row();
      row.update(backend, service);
      this.rows.set(key, row);
    }
    arrange(this.body, [...this.rows.values()].map(row => row.node));
  }

  /** What needs sizes: the links and the plots. Only where they can be seen. */
  paint() {
    if (!this.details.open || !this.seen) return;
    if (!this.rows.size) this.unfold(this.service);
    const rows = [...this.rows.values()];
    const from = Math.min(now() - 10000, ...rows.filter(row => row.history.length).map(row => row.history[0].at));
    const box = this.links.node.getBoundingClientRect();
    const widths = rows.map(row => row.plot.node.getBoundingClientRect().width);
    const ends = rows.map(row => {
      const sign = row.glyph.getBoundingClientRect();
      return {backend: row.backend, share: row.backend.share, y: sign.top + sign.height / 2 - box.top};
    });
    const addressAt = this.links.draw(ends, box), half = this.from.offsetHeight / 2;
    this.from.style.marginTop = `${Math.max(0, addressAt - half)}px`;
    rows.forEach((row, i) => row.draw(from, widths[i]));
    say(this.span, `Checks, last ${lasting(now() - from)}`);
  }

  remove() {
    sight.unobserve(this.node);
    sizes.unobserve(this.table);
    cardOf.delete(this.node);
    cardOf.delete(this.table);
    this.node.remove();
  }
}

const cardOf = new Map();
const sight = new IntersectionObserver(entries => {
  for (const {target, isIntersecting} of entries) {
    const card = cardOf.get(target);
    if (!card) continue;
    card.seen = isIntersecting;
    card.paint();
  }
}, {rootMargin: "200px"});
const sizes = new ResizeObserver(entries => entries.forEach(({target}) => cardOf.get(target)?.paint()));
