// Elements from names and values; text is only ever text. And the least change from old to new.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `h("a", {href}, "text", other, [more])`; null and false are left out. */
export function h(name, attributes = {}, ...children) {
  return built(document.createElement(name), attributes, children);
}

/** The same of SVG. */
export function s(name, attributes = {}, ...children) {
  return built(document.createElementNS(SVG, name), attributes, children);
}

function built(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element[`on${key}`] = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Make `old` as `fresh` is, keeping what is equal: focus, selection and scrolling stay. */
export function patch(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  attributes(old, fresh);
  children(old, fresh);
}

function attributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    const kept = name === "open" && old.nodeName === "DETAILS";
    if (!fresh.hasAttribute(name) && !kept) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const event of ["onclick", "onsubmit", "onchange"]) old[event] = fresh[event];
}

/** By place, but a row that has a key is patched by a row of the same key only: whoever stands on
 * a block's row stays on that block when a new one comes in above it. Nothing is ever moved. */
function children(old, fresh) {
  const wanted = [...fresh.childNodes];
  const last = new Map(wanted.map((one, place) => [keyOf(one), place]));
  wanted.forEach((one, place) => {
    let now = old.childNodes[place];
    while (now && keyOf(now) && keyOf(now) !== keyOf(one) && !(last.get(keyOf(now)) > place)) {
      now.remove();
      now = old.childNodes[place];
    }
    if (!now) old.append(one);
    else if (!keyOf(now) || keyOf(now) === keyOf(one)) patch(now, one);
    else old.insertBefore(one, now);
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

function keyOf(one) {
  return one.dataset?.key ?? "";
}

/** Columns and rows as a table; a phone stacks its cells unless it is `narrow`. */
export function table(caption, columns, rows, empty = "None.", { narrow = false } = {}) {
  if (!rows.length) return h("p", { class: "quiet" }, empty);
  const head = h("thead", {}, h("tr", {}, columns.map((one) => h("th", { scope: "col" }, one))));
  const body = rows.map((row) => {
    const line = h("tr", {}, row.map((cell, place) => h("td", { "data-label": columns[place] },
      Array.isArray(cell) ? h("div", {}, cell) : cell)));
    const about = line.querySelector("a")?.getAttribute("href");
    if (about) line.dataset.key = about;
    return line;
  });
  const caught = h("caption", { class: "unseen" }, caption);
  return h("div", { class: "wide" }, h("table", { class: narrow ? "narrow" : "stack" }, caught, head, h("tbody", {}, body)));
}

/** Names and values, one a line. */
export function facts(pairs) {
  const shown = pairs.filter((pair) => pair && pair[1] !== undefined && pair[1] !== null);
  return h("dl", { class: "facts" }, shown.map(([name, value]) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** A part of a page with its heading. */
export function section(title, ...content) {
  const id = `s-${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`;
  return h("section", { "aria-labelledby": id }, h("h2", { id }, title), content);
}

/** A word in a colour that says how it stands; the word alone says it too. */
export function badge(text, mood = "") {
  return h("span", { class: `badge ${mood}` }, text);
}

/** A bar that is filled as far as `value` of `most`; `short` says that it ought to be fuller. */
export function meter(value, most, label, short = false) {
  const part = most > 0 ? Math.min(100, Math.max(0, (100 * value) / most)) : 0;
  return s("svg", { class: short ? "meter short" : "meter", viewBox: "0 0 100 8", preserveAspectRatio: "none",
    role: "meter", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": most, "aria-valuenow": value },
  s("rect", { x: 0, y: 0, width: part, height: 8 }));
}
