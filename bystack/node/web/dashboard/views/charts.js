// Block time, throughput, sizes, fees and hash rate over the last blocks.

import { h } from "../dom.js";
import { chart } from "../graphs.js";
import { heights } from "../parts.js";
import { Refused, batch, call } from "../rpc.js";
import { spacing, throughput } from "../scaling.js";
import { blocksAt } from "./blocks.js";

const LOOKED_AT = 120, RATES = 24;

export async function charts({ chain }) {
  const last = await call(chain, "getblockcount");
  const wanted = heights(last, LOOKED_AT);
  const rows = (await blocksAt(chain, wanted)).reverse().filter((one) => one.height > 0);
  const points = (read) => rows.map((one) => ({ x: one.height, y: read(one) }));
  const more = chain === "main" ? await mainOnly(wanted.filter((height) => height > 0).reverse()) : [];
  return {
    title: `Charts of ${chain}`,
    content: [
      h("p", { class: "quiet" }, `The last ${rows.length} blocks, by height.`),
      h("div", { class: "cards" }, [
        chart("Seconds between blocks", spacing(rows), { unit: "s" }),
        chart("Transactions a second, over five blocks", throughput(rows)),
        chart("Transactions in a block", points((one) => one.nTx), { bars: true }),
        chart("Size of a block", points((one) => one.size), { bars: true, unit: "B" }),
        ...more,
      ].map((one) => h("section", {}, one))),
    ],
    topics: [[chain, "blocks"]],
  };
}

async function mainOnly(wanted) {
  const stride = Math.max(1, Math.ceil(wanted.length / RATES));
  const at = wanted.filter((height, place) => height > 1 && place % stride === 0);
  const rates = await batch("main", at.map((height) => ["getnetworkhashps", 10, height]));
  const stats = await batch("main", wanted.map((height) => ["getblockstats", height]));
  const line = (heights, found, read) => heights
    .map((x, place) => ({ x, one: found[place] }))
    .filter(({ one }) => !(one instanceof Refused))
    .map(({ x, one }) => ({ x, y: Number(read(one)) }));
  return [
    chart("Hash rate", line(at, rates, (one) => one), { unit: "H/s" }),
    chart("Fees of a block", line(wanted, stats, (one) => one.totalfee / 1e8), { bars: true, unit: "BTM" }),
  ];
}
