// SPDX-License-Identifier: Apache-2.0
// A backend: one row.
"use strict";

const inWords = check => `${check.result.replace("_", " ")} · ${latency(check.latency_us)}`;

class Row {
  constructor() {
    const cell = (kind, ...content) => make("td", {class: kind, role: "cell"}, ...content);
    const number = label => {
      const node = cell("num", make("span"), make("small"));
      node.dataset.label = label;
      return node;
    };
    this.glyph = glyph("unchecked");
    this.name = make("bdi");
    this.address = make("span", {class: "mono soft"});
    this.state = make("span");
    this.reason = make("span", {class: "soft"});
    const lines = make("div", {}, make("p", {}, this.name, " ", this.address), make("p", {}, this.state, this.reason));
    [this.share, this.open, this.connects] = ["Share", "Open", "Connects"].map(number);
    this.plot = new Plot();
    this.result = make("small");
    this.node = make("tr", {role: "row"}, cell("who", make("div", {}, this.glyph, lines)), this.share, this.open, this.connects,
                     cell("check", this.plot.node, this.result));
    this.history = [];
    this.plot.node.addEventListener("pointermove", event => this.point(event));
    this.plot.node.addEventListener("pointerleave", () => this.caption());
  }

  update(backend, service) {
    const before = this.backend;
    this.backend = backend;
    this.history = remember(this.history, backend.check);
    this.introduce(backend, remark(backend, service));
    this.reckon(backend);
    if (!this.pointed) this.caption();
    if (before && before.state !== backend.state) this.flash();
  }

  introduce(backend, extra) {
    const form = shape(backend);
    reshape(this.glyph, form, TONES[form]);
    say(this.name, backend.name);
    say(this.address, backend.address === backend.name ? "" : backend.address);
    const since = backend.since ? ` for ${age(backend.since)}` : "";
    const until = backend.state === "ejected" && backend.ejected_until ? `, until ${clock(backend.ejected_until)}` : "";
    say(this.state, backend.state + (extra ? `, ${extra},` : "") + since + until);
    mark(this.state, "class", form === "up" ? "soft" : TONES[form]);
    say(this.reason, backend.reason ? ` · ${backend.reason}` : "");
  }

  reckon(backend) {
    const {share} = backend;
    const figure = (cell, big, small, title) => {
      say(cell.firstChild, big);
      say(cell.lastChild, small.join("\n"));
      mark(cell, "title", title);
    };
    const failed = backend.connect_failures_total, reset = backend.early_resets_total;
    figure(this.share, share ? percent(share) : "–",
           [`weight ${backend.weight}`, ...(backend.priority ? [`priority ${backend.priority}`] : [])], "Its share of new connections");
    mark(this.share.firstChild, "class", share ? "share" : "soft");
    figure(this.open, count(backend.open_sockets), [], "Open sockets of the workload");
    figure(this.connects, count(backend.connects_total),
           [...(failed ? [`${count(failed)} failed`] : []), ...(reset ? [`${count(reset)} reset`] : [])],
           "The workload’s own connects; reset: broken before the first byte");
  }

  flash() {
    this.node.classList.remove("changed");
    void this.node.offsetWidth;               // so that the animation starts again
    this.node.classList.add("changed");
  }

  draw(from, width) {
    this.from = from;
    this.plot.draw(this.history, from, width);
  }

  caption() {
    this.pointed = false;
    const check = this.backend.check;
    say(this.result, check.type === "none" ? "not checked" : `${check.type} · ${check.result ? inWords(check) : "no result yet"}`);
  }

  /** The check under the pointer takes the caption's place. */
  point(event) {
    const box = this.plot.node.getBoundingClientRect(), from = this.from ?? now();
    const at = from + ((event.clientX - box.left - 3) / (box.width - 6)) * (now() - from);
    const nearer = (best, check) => (best && Math.abs(best.at - at) < Math.abs(check.at - at) ? best : check);
    const check = this.history.reduce(nearer, null);
    if (!check) return;
    this.pointed = true;
    say(this.result, `${clock(check.at)} · ${inWords(check)}`);
  }
}
