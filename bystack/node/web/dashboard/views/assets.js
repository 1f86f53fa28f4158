// Assets: those that sidechains list, vaults hold and the last blocks moved; and one of them.

import { assetLink, idOf, know, learn, named, value } from "../assets.js";
import { facts, h, section, table } from "../dom.js";
import { BTM, count } from "../format.js";
import { blockLink, heights, whole } from "../parts.js";
import { Refused, batch, call, tried } from "../rpc.js";
import { blocksAt } from "./blocks.js";

const LOOKED_AT = 50;

export async function assets({ chain }) {
  const found = chain === "main" ? await onMain() : await onSide(chain);
  await know([...found.keys()]);
  const rows = [...found].map(([asset, where]) =>
    [assetLink(asset), where, count(named(asset).decimals), whole(asset)]);
  return {
    title: `Assets on ${chain}`,
    content: section(chain === "main" ? `Held in vaults or moved in the last ${LOOKED_AT} blocks` : "Taken by this sidechain",
      table("Assets", ["Asset", "Seen", "Decimals", "Id"], rows)),
    topics: [[chain, "blocks"]],
  };
}

async function onSide(chain) {
  const info = await call(chain, "getsidechaininfo");
  learn(info.assets);
  return new Map(info.assets.map((one) => [one.asset, `least in ${value(one.pegin_minimum, one.asset)}`]));
}

async function onMain() {
  const last = await call("main", "getblockcount");
  const found = new Map([[BTM, "the chain's own"]]);
  for (const one of await blocksAt("main", heights(last, LOOKED_AT), 2)) {
    for (const output of one.tx.flatMap((tx) => tx.vout)) {
      if (!found.has(idOf(output.asset))) found.set(idOf(output.asset), `moved at height ${count(one.height)}`);
    }
  }
  const vaults = await call("main", "listvaults");
  for (const one of await batch("main", vaults.slice(0, 50).map((id) => ["getvault", id]))) {
    if (one instanceof Refused) continue;
    for (const id of one.state.buckets.map((row) => row.asset)) if (!found.has(id)) found.set(id, "listed by a vault");
  }
  return found;
}

export async function asset({ argument, node }) {
  if (argument === BTM) return native(node);
  const one = await call("main", "getassetinfo", argument);
  await know([argument]);
  return {
    title: `Asset ${named(argument).name}`,
    content: section("Definition", facts([
      ["Name", one.symbol],
      ["Id", whole(one.asset)],
      ["Unit", one.unit ? h("bdi", {}, one.unit) : null],
      ["Issued", value(one.issued, argument)],
      ["At most", Number(one.cap) ? value(one.cap, argument) : "no limit"],
      ["Decimals", count(one.decimals)],
      ["Class", one.class],
      ["Divisible", one.divisible ? "yes" : "no"],
      ["Fungible", one.fungible ? "yes" : "no"],
      ["Serial", one.serial || null],
      ["First issued at", blockLink("main", one.first_height, count(one.first_height))],
      ["Last issued at", blockLink("main", one.last_height, count(one.last_height))],
    ]), named(argument).listed ? null : h("p", { class: "notice" }, "No sidechain of this node lists it. Anybody may",
      " issue an asset of any name: only the id tells which one this is.")),
    topics: [["main", "blocks"]],
  };
}

async function native() {
  const info = await tried("main", "getblockchaininfo");
  return {
    title: "Asset BTM",
    content: section("Definition", facts([
      ["Id", whole(BTM)], ["Decimals", "8"], ["Made", "by the main chain's blocks, as rewards"],
      ["Height", info ? count(info.blocks) : null],
    ])),
    topics: [["main", "blocks"]],
  };
}
