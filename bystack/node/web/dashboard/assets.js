// Names and decimals of assets, asked once for each. Anybody may issue an asset called BTM or GOLD, so
// only BTM itself and what a sidechain of this node lists goes by its name alone; any other name is
// shown with the first digits of its id.

import { h } from "./dom.js";
import { BTM, amount, short } from "./format.js";
import { link } from "./routes.js";
import { BRIEF, Refused, batch } from "./rpc.js";

const held = new Map([[BTM, { name: "BTM", decimals: 8, listed: true }]]);
const owners = new Map([["BTM", BTM]]), met = new Map();
const PATIENCE = 1000;

/** The id of an asset as an RPC names it. */
export function idOf(asset) {
  return asset === "BTM" ? BTM : asset;
}

/** Learn of the assets a sidechain lists; the first to bear a name bears it alone. */
export function learn(assets) {
  for (const { asset, name, decimals } of assets.filter((one) => one.asset !== BTM)) {
    if (!owners.has(name)) owners.set(name, asset);
    const alone = owners.get(name) === asset;
    held.set(asset, { name: alone ? name : withId(name, asset), decimals, listed: true });
  }
}

function withId(name, asset) {
  return `${name} (${asset.slice(0, 8)}…)`;
}

/** Learn what these sidechains list, of each once; one that stands still holds nobody up for long. */
export async function meet(chains) {
  const strangers = chains.filter((one) => !met.has(one));
  if (!strangers.length) return;
  for (const chain of strangers) {
    met.set(chain, listed(chain).then(learn).catch(() => met.delete(chain)));
  }
  const all = Promise.all(strangers.map((one) => met.get(one)));
  await Promise.race([all, new Promise((done) => setTimeout(done, PATIENCE))]);
}

async function listed(chain) {
  const [info] = await batch(chain, [["getsidechaininfo"]], BRIEF);
  if (info instanceof Refused) throw info;
  return info.assets;
}

/** The asset that bears this name alone, in any case; or nothing. */
export function bearer(name) {
  const wanted = name.trim().toLowerCase();
  return [...owners].find(([one]) => one.toLowerCase() === wanted)?.[1] ?? null;
}

/** Learn of those among these ids that are not known yet, from the main chain. */
export async function know(ids) {
  const hex = /^[0-9a-f]{64}$/;
  const wanted = [...new Set(ids.map(idOf))].filter((id) => !held.has(id) && hex.test(id));
  const found = await batch("main", wanted.slice(0, 50).map((id) => ["getassetinfo", id]));
  found.forEach((one, place) => {
    if (one instanceof Refused) return;
    held.set(wanted[place], { name: withId(one.symbol, wanted[place]), decimals: one.decimals });
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
