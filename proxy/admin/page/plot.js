// SPDX-License-Identifier: Apache-2.0
// Checks over time.
"use strict";

/** What is known of a backend's checks: the server's list, or the newest result of each poll. */
function remember(known, check) {
  if (check.history) return check.history.filter(h => h.result !== "not_probed");
  const at = check.at ? Date.parse(check.at) : 0;
  if (!at || (known.length && known[known.length - 1].at >= at)) return known;
  return [...known.slice(-59), {at, latency_us: check.latency_us, result: check.result}];
}

class Plot {
  constructor() {
    this.area = make("path", {class: "area"});
    this.line = make("path", {class: "line"});
    this.miss = make("path", {class: "miss"});
    this.last = make("circle", {class: "last", r: 2});
    this.node = make("svg", {class: "plot", role: "img"}, make("line", {class: "floor", x1: 0, x2: "100%", y1: 27.5, y2: 27.5}),
                     this.area, this.line, this.miss, this.last);
  }

  /** Latency as a line, each check that did not pass as a bar with a cross on it. Time runs to the right, from `from`. */
  draw(history, from, width) {
    const passed = history.filter(h => h.result === "passed").map(h => h.latency_us).sort((a, b) => a - b);
    const [least, usual, most] = passed.length ? [passed[0], passed[passed.length >> 1], passed[passed.length - 1]] : [0, 0, 0];
    const top = Math.max(1, Math.min(6 * usual, Math.max(2 * usual, most)));  // a lone peak is cut off; it does not flatten the rest
    const x = at => 3 + Math.max(0, (at - from) / Math.max(1, now() - from)) * (width - 6);
    const y = us => 27 - Math.min(1, us / top) * 24;
    let line = "", area = "", miss = "", run = [], crossed = -10;
    const end = () => {
      const points = run.map(([px, py]) => `${px.toFixed(1)} ${py.toFixed(1)}`).join("L");
      if (run.length) line += `M${points}${run.length === 1 ? "h.1" : ""}`;
      if (run.length > 1) area += `M${run[0][0].toFixed(1)} 27L${points}V27z`;
      run = [];
    };
    for (const check of history) {
      const at = x(check.at);
      if (check.result === "passed") run.push([at, y(check.latency_us)]);
      else {
        end();
        const cross = at - crossed > 6;         // where they are dense, bars alone
        if (cross) crossed = at;
        miss += `M${at.toFixed(1)} 27V10${cross ? "m-2.5 -6l5 5m0 -5l-5 5" : ""}`;
      }
    }
    const last = run[run.length - 1];
    end();
    for (const [node, d] of [[this.line, line], [this.area, area], [this.miss, miss]]) mark(node, "d", d);
    this.last.toggleAttribute("hidden", !last);
    if (last) mark(this.last, "cx", last[0].toFixed(1)), mark(this.last, "cy", last[1].toFixed(1));
    mark(this.node, "aria-label", !history.length ? "Not checked yet" :
      `The last ${many(history.length, "check")}, in ${lasting(now() - history[0].at)}: ${passed.length} passed` +
      (passed.length ? `, latency ${latency(least)} to ${latency(most)}` : ""));
  }
}
