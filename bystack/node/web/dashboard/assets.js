// Names and decimals of assets, asked once for each.

import { h } from "./dom.js";
import { BTM, amount, short } from "./format.js";
import { link } from "./routes.js";
import { Refused, batch } from "./rpc.js";

const held = new Map([[BTM, { name: "BTM", decimals: 8 }]]);

/** The id of an asset as an RPC names it. */
export function idOf(asset) {
  return asset === "BTM" ? BTM : asset;
}

/** Learn of the assets a sidechain lists. */
export function learn(assets) {
  for (const one of assets) held.set(one.asset, { name: one.name, decimals: one.decimals });
}

/** Learn of those among these ids that are not known yet, from the main chain. */
export async function know(ids) {
  const hex = /^[0-9a-f]{64}$/;
  const wanted = [...new Set(ids.map(idOf))].filter((id) => !held.has(id) && hex.test(id));
  const found = await batch("main", wanted.slice(0, 50).map((id) => ["getassetinfo", id]));
  found.forEach((one, place) => {
    if (one instanceof Refused) return;
    held.set(wanted[place], { name: one.symbol, decimals: one.decimals });
  });
}

/** What is known of an asset: its name, its decimals. */
export function named(asset) {
  return held.get(idOf(asset)) ?? { name: short(asset), decimals: 0, unknown: true };
}

/** Base units of an asset, with its name. */
export function value(units, asset) {
  const { name, decimals, unknown } = named(asset);
  return `${amount(units, decimals)} ${unknown ? `units of ${name}` : name}`;
}

/** The asset's name, leading to its page. */
export function assetLink(asset, chain = "main") {
  return h("a", { href: link(chain, "asset", idOf(asset)) }, named(asset).name);
}
