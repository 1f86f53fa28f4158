// Links and small pieces that several pages share.

import { h } from "./dom.js";
import { ago, moment, short, textOf } from "./format.js";
import { link } from "./routes.js";

const place = (chain, page, id, text) =>
  h("a", { class: "id", href: link(chain, page, id), title: id }, text ?? short(id));

export const blockLink = (chain, id, text) => place(chain, "block", id, text);
export const txLink = (chain, id, text) => place(chain, "tx", id, text);
export const vaultLink = (id, text) => place("main", "vault", id, text);
export const addressLink = (chain, address) => place(chain, "address", address);

/** A long id, whole. */
export function whole(id) {
  return h("code", {}, id);
}

/** What somebody wrote, given in hex: as text where it is one, which turns no other text around. */
export function memo(hex) {
  const text = textOf(hex);
  return text === null ? whole(hex) : h("bdi", {}, text);
}

/** How much of a federation's weight signs; members of more weight hold more shares of the key. */
export function signing({ members, threshold }) {
  return `${threshold} of ${members.reduce((sum, one) => sum + one.weight, 0)}`;
}

/** When, and how long ago. */
export function when(time, now) {
  return h("time", { datetime: new Date(time * 1000).toISOString(), title: moment(time) },
    ago(time, now));
}

/** The last blocks of a chain, newest first: hashes by height, then the blocks. */
export function heights(last, count) {
  const first = Math.max(0, last - count + 1);
  return Array.from({ length: last - first + 1 }, (_, place) => last - place);
}
