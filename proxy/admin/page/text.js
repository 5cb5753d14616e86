// SPDX-License-Identifier: Apache-2.0
// Nodes and words. Every string of the server is text, never markup: make() and say() are the only ways onto the page.
"use strict";

const $ = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "use", "path", "rect", "circle", "line", "title"]);

function make(tag, attributes = {}, ...children) {
  const node = DRAWN.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function say(node, text) {
  text = String(text);
  if (node.textContent !== text) node.textContent = text;
}

function mark(node, name, value) {
  if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

function glyph(shape, tone = "") {
  const node = make("svg", {class: `glyph ${tone}`, "aria-hidden": "true"}, make("use"));
  return reshape(node, shape, tone);
}

function reshape(node, shape, tone) {
  if (!node.firstChild) node.append(make("use"));
  mark(node.firstChild, "href", `#g-${shape}`);
  mark(node, "class", `glyph ${tone}`);
  return node;
}

const numbers = new Intl.NumberFormat("en");
const dates = options => { const format = new Intl.DateTimeFormat("en-GB", options); return at => format.format(new Date(at)); };
const count = number => numbers.format(number);
const many = (number, noun, plural = `${noun}s`) => `${count(number)} ${number === 1 ? noun : plural}`;
const sum = (list, of) => list.reduce((total, item) => total + of(item), 0);

/** 50 %, 5 %, 1.7 %, 0.5 %, 0.01 %: shares of 200 backends are told apart from those of 100. */
function percent(share) {
  const value = share * 100;
  if (value < 0.01) return "< 0.01 %";
  return `${value.toFixed(value >= 10 ? 0 : value >= 0.1 ? 1 : 2).replace(/\.0$/, "")} %`;
}

function lasting(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

function latency(us) {
  if (us < 10000) return `${(us / 1000).toFixed(us < 1000 ? 2 : 1)} ms`;
  return us < 1e6 ? `${Math.round(us / 1000)} ms` : `${(us / 1e6).toFixed(1)} s`;
}

const clock = dates({hour: "2-digit", minute: "2-digit", second: "2-digit"});
const day = dates({weekday: "long", day: "numeric", month: "long"});
const date = dates({day: "numeric", month: "short"});
const moment = at => (day(at) === day(now()) ? clock(at) : `${date(at)}, ${clock(at)}`);

/** Makes `children` the children of `node`, touching only what is not in its place. */
function arrange(node, children) {
  let next = node.firstElementChild;
  for (const child of children)
    if (child === next) next = next.nextElementSibling;
    else node.insertBefore(child, next);
  while (next) {
    const gone = next;
    next = next.nextElementSibling;
    gone.remove();
  }
}

/** Makes one child per item, again only when the items have changed. */
function fill(node, items, child) {
  const key = JSON.stringify(items);
  if (node.filledWith === key) return;
  node.filledWith = key;
  node.replaceChildren(...items.map(child));
}
