// What waits to be taken into a block.

import { badge, facts, h, section, table } from "../dom.js";
import { bytes, count } from "../format.js";
import { txLink, when } from "../parts.js";
import { Refused, batch } from "../rpc.js";

const SHOWN = 100;

export async function mempool({ chain, now }) {
  const [info, waiting] = await batch(chain, [["getmempoolinfo"], ["getrawmempool", true]]);
  if (info instanceof Refused) throw info;
  const entries = waiting instanceof Refused || !waiting ? [] : Object.entries(waiting);
  const main = chain === "main";
  const columns = main ? ["Transaction", "Fee", "Weight", "Waits since"] : ["Transaction", "Weight", "Builds on"];
  const rows = entries.slice(-SHOWN).reverse().map(([id, one]) => main
    ? [txLink(chain, id), `${one.fees?.base ?? "–"} BTM`, count(one.weight), when(one.time, now)]
    : [txLink(chain, id), count(one.weight ?? 0), count(one.depends?.length ?? 0)]);
  return {
    title: `Waiting on ${chain}`,
    content: [
      section("Pool", facts([
        ["Transactions", count(info.size)],
        ["Size", bytes(info.bytes)],
        ["Weight", count(info.weight)],
        ["Fees", main ? `${info.total_fee} BTM` : null],
        ["Memory", main ? `${bytes(info.usage)} of ${bytes(info.maxmempool)}` : null],
        ["Least fee rate", main ? `${info.mempoolminfee} BTM per 1 000 of weight` : null],
        ["State", info.loaded ? badge("loaded", "good") : badge("loading", "warn")],
      ])),
      section("Transactions", table("Transactions", columns, rows, "Nothing waits."),
        entries.length > SHOWN ? h("p", { class: "quiet" }, `The newest ${SHOWN} of ${count(entries.length)}.`) : null),
    ],
    topics: [[chain, "mempool"], [chain, "blocks"]],
  };
}
