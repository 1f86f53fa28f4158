// Charts as SVG, from numbers alone; the text beneath says what they show.

import { h, s } from "./dom.js";
import { rough } from "./format.js";
import { scaled } from "./scaling.js";

const WIDE = 360, HIGH = 170, LEFT = 82, BELOW = 20;

/** Points `{x, y}` as a line or as bars, with the greatest value, the first and the last x. */
export function chart(title, points, { bars = false, unit = "", empty = "Too few blocks yet.", wide = WIDE, high = HIGH } = {}) {
  if (points.length < 2) return h("figure", {}, h("figcaption", {}, title), h("p", { class: "quiet" }, empty));
  const box = { left: LEFT, right: wide - 8, top: 10, bottom: high - BELOW };
  const { places, most, mean } = scaled(points, box);
  const width = Math.max(1, (box.right - box.left) / points.length - 1);
  const drawn = bars
    ? places.map(([x, y]) => s("rect", { class: "bar", x: x - width / 2, y, width, height: box.bottom - y }))
    : [s("polygon", { class: "area", points: line([[places[0][0], box.bottom], ...places, [places.at(-1)[0], box.bottom]]) }),
      s("polyline", { class: "line", points: line(places) })];
  const text = (x, y, words, anchor) => s("text", { x, y, "text-anchor": anchor }, words);
  const first = points[0].x, last = points.at(-1).x;
  const about = `${title}: from ${first} to ${last}, mean ${rough(mean, unit)}, greatest ${rough(most, unit)}`;
  return h("figure", {}, h("figcaption", {}, title, h("span", {}, `mean ${rough(mean, unit)}`)),
    s("svg", { class: "chart", viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": about },
      s("line", { class: "axis", x1: box.left, y1: box.bottom, x2: box.right, y2: box.bottom }),
      s("line", { class: "axis", x1: box.left, y1: box.top, x2: box.right, y2: box.top }),
      drawn, text(box.left - 6, box.top + 4, rough(most, unit), "end"), text(box.left - 6, box.bottom, "0", "end"),
      text(box.left, high - 4, first, "start"), text(box.right, high - 4, last, "end")));
}

function line(places) {
  return places.map((one) => one.join(",")).join(" ");
}
