// An address: what it got in the last blocks. A node keeps no index of addresses: they are read.

import { know, value } from "../assets.js";
import { badge, h, section, table } from "../dom.js";
import { amount, count, short } from "../format.js";
import { blockLink, heights, txLink, whole } from "../parts.js";
import { Refused, batch, call } from "../rpc.js";
import { blocksAt } from "./blocks.js";

const STEP = 100, LOT = 20;
const depths = new Map();

export async function address({ chain, argument, go }) {
  const last = await call(chain, "getblockcount");
  const key = `${chain}/${argument}`, depth = depths.get(key) ?? STEP;
  const found = await outputsOf(chain, argument, heights(last, depth));
  await know(found.map((one) => one.asset));
  const coins = await batch(chain, found.map((one) => ["gettxout", one.txid, one.n]));
  const unspent = found.filter((_, place) => coins[place] && !(coins[place] instanceof Refused));
  const rows = found.map((one, place) => [
    txLink(chain, one.txid, `${short(one.txid)}:${one.n}`), blockLink(chain, one.height, count(one.height)),
    value(one.units, one.asset),
    coins[place] instanceof Refused ? "–" : coins[place] ? badge("unspent", "good") : "spent",
  ]);
  const further = () => {
    depths.set(key, depth * 4);
    go(location.hash);
  };
  const first = Math.max(0, last - depth + 1);
  return {
    title: `Address ${short(argument)}`,
    content: [
      section("Address", h("p", {}, whole(argument)),
        h("p", {}, `Unspent of what came since height ${count(first)}: ${sums(unspent)}.`),
        h("p", { class: "quiet" }, "A node keeps no index of addresses: this was read from its last blocks.")),
      section("Received", table("Received", ["Output", "Height", "Amount", "State"], rows, "Nothing in these blocks."),
        first > 0 ? h("p", {}, h("button", { click: further }, "Look further back")) : null),
    ],
    topics: [[chain, "blocks"]],
  };
}

async function outputsOf(chain, argument, wanted) {
  const found = [];
  for (let start = 0; start < wanted.length; start += LOT) {
    for (const one of await blocksAt(chain, wanted.slice(start, start + LOT), 2)) {
      for (const tx of one.tx) {
        for (const output of tx.vout) {
          if (output.address === argument) found.push({ ...output, txid: tx.txid, height: one.height });
        }
      }
    }
  }
  return found;
}

function sums(outputs) {
  const held = new Map();
  for (const one of outputs) held.set(one.asset, (held.get(one.asset) ?? 0n) + BigInt(one.units));
  return [...held].map(([asset, units]) => value(units, asset)).join(", ") || amount(0);
}
