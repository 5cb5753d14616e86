// SPDX-License-Identifier: Apache-2.0
// Who serves what: a link from the service's address to each backend, as thick as its share of new connections.
"use strict";

const THICKNESS = {wide: 26, narrow: 12};     // of all links of one service, in pixels
const HIGHEST = 160;                          // where the address stands beside a long list

/** From the address to the right; on a phone, from the address on top down the side and into the row. */
function bow(from, to, width) {
  const [a, b, half, end] = [from, to, width / 2, width].map(n => n.toFixed(1));
  return `M0 ${a}C${half} ${a} ${half} ${b} ${end} ${b}`;
}
function trunk(x, y, width) {
  const bend = Math.min(10, Math.max(0, y));
  const [left, down, side, to, end] = [x, y - bend, x + bend, y, width].map(n => n.toFixed(1));
  return `M${left} 0V${down}Q${left} ${to} ${side} ${to}H${end}`;
}

/** How a link looks says what it carries: traffic, traffic in spite of its state, or why none. */
function look(backend, share) {
  if (share) return TROUBLED.has(backend.state) ? "panic" : "";
  if (TROUBLED.has(backend.state)) return "cut";
  return backend.state === "drain" || backend.state === "removing" ? "leaving" : "idle";
}

class Links {
  constructor() {
    this.source = make("rect", {class: "source", rx: 2});
    this.node = make("svg", {class: "links", "aria-hidden": "true"}, this.source);
    this.paths = [];
  }

  /** `ends`: of each row, its backend, its share and the height at which its link ends. Returns the address's height. */
  draw(ends, box) {
    const narrow = box.width < 40;
    const families = new Set(ends.filter(end => end.share).map(end => familyOf(end.backend))).size || 1;
    const full = THICKNESS[narrow ? "narrow" : "wide"] / families;
    const thick = ends.map(end => (end.share ? Math.max(1, end.share * full) : 0));
    const total = sum(thick, t => t), idle = thick.filter(t => !t).length;
    const gap = narrow ? 0 : Math.min(5, 20 / idle);  // the place of a link that carries nothing, so that none crosses another
    const high = total + idle * gap, top = Math.min(box.height / 2, HIGHEST) - high / 2;
    let used = 0;
    this.resize(ends.length);
    ends.forEach((end, i) => {
      const width = thick[i], middle = used + (width || gap) / 2;
      used += width || gap;
      const d = narrow ? trunk(width ? 5 + total - middle : 2, end.y, box.width) : bow(top + middle, end.y, box.width);
      mark(this.paths[i], "d", d);
      mark(this.paths[i], "class", look(end.backend, end.share));
      mark(this.paths[i], "stroke-width", width.toFixed(1));
    });
    this.place(!total ? [0, 0, 0, 0] : narrow ? [3, -3, total + 4, 4] : [-2, top - 3, 4, high + 6]);
    return top + high / 2;
  }

  resize(number) {
    while (this.paths.length > number) this.paths.pop().remove();
    while (this.paths.length < number) {
      this.paths.push(make("path"));
      this.node.insertBefore(this.paths[this.paths.length - 1], this.source);
    }
  }

  place(rectangle) {
    ["x", "y", "width", "height"].forEach((name, i) => mark(this.source, name, rectangle[i].toFixed(1)));
  }
}
