// The newest blocks of a chain, older ones by page, and one block.

import { badge, facts, h, section, table } from "../dom.js";
import { bytes, count, moment, rough } from "../format.js";
import { blockLink, heights, txLink, when, whole } from "../parts.js";
import { link } from "../routes.js";
import { Refused, batch, call } from "../rpc.js";
import { outputsSum } from "./transaction.js";

export const PER_PAGE = 20;
const SHOWN = 200;

/** Blocks at these heights, newest first; those that are not there are left out. */
export async function blocksAt(chain, wanted, verbosity = 1) {
  const ids = await batch(chain, wanted.map((height) => ["getblockhash", height]));
  const there = ids.filter((id) => typeof id === "string");
  const found = await batch(chain, there.map((id) => ["getblock", id, verbosity]));
  return found.filter((one) => !(one instanceof Refused));
}

export async function blocks({ chain, argument, now }) {
  const last = await call(chain, "getblockcount");
  const from = argument ? Math.min(last, Number.parseInt(argument, 10) || last) : last;
  const rows = await blocksAt(chain, heights(from, PER_PAGE));
  const side = chain !== "main";
  const columns = ["Height", "When", "Transactions", "Size", side ? "Proposer" : "Difficulty", "Id"];
  const cells = rows.map((one) => [
    blockLink(chain, one.hash, count(one.height)), when(one.time, now), count(one.nTx),
    bytes(one.size), side ? count(one.proposer) : rough(one.difficulty), blockLink(chain, one.hash),
  ]);
  const older = from - PER_PAGE;
  return {
    title: `Blocks of ${chain}`,
    content: section("Blocks", table("Blocks", columns, cells), h("p", { class: "pages" },
      from < last ? h("a", { href: link(chain, "blocks", Math.min(last, from + PER_PAGE)) }, "Newer") : null,
      older >= 0 ? h("a", { href: link(chain, "blocks", older) }, "Older") : null)),
    topics: [[chain, "blocks"]],
  };
}

export async function block({ chain, argument, now }) {
  const byHeight = /^[0-9]{1,12}$/.test(argument);
  const id = byHeight ? await call(chain, "getblockhash", Number(argument)) : argument;
  const one = await call(chain, "getblock", id, 2);
  const [epoch, commit] = chain === "main" ? [] :
    await batch(chain, [["getepoch"], ["getcommit", one.height]]);
  return {
    title: `Block ${count(one.height)} of ${chain}`,
    content: [
      section("Header", facts([
        ["Id", whole(one.hash)],
        ["Time", [moment(one.time), ", ", when(one.time, now)]],
        ["Confirmations", one.confirmations < 0 ? badge("not in the best chain", "bad") : count(one.confirmations)],
        ["Size", bytes(one.size)],
        ["Transactions", count(one.nTx)],
        ...(chain === "main" ? workOf(one) : finalOf(one, commit)),
        ["Before", one.previousblockhash ? blockLink(chain, one.previousblockhash) : "the first"],
        ["After", one.nextblockhash ? blockLink(chain, one.nextblockhash) : "none yet"],
      ])),
      epoch instanceof Refused ? null : section("Transactions", transactions(chain, one.tx)),
    ],
    topics: [[chain, "blocks"]],
  };
}

function workOf(one) {
  return [["Difficulty", rough(one.difficulty)], ["Target", whole(one.bits)], ["Nonce", whole(one.nonce)]];
}

function finalOf(one, commit) {
  const final = commit && !(commit instanceof Refused);
  return [
    ["Epoch", count(one.epoch)],
    ["Proposer", `validator ${one.proposer}`],
    ["Final by", final ? `validators ${commit.signers.join(", ")}` : null],
    ["Main chain known to", blockLink("main", one.relaytip)],
    ["State", whole(one.stateroot)],
  ];
}

function transactions(chain, rows) {
  const cells = rows.slice(0, SHOWN).map((tx) => [
    txLink(chain, tx.txid), tx.coinbase ? "reward" : count(tx.vin.length), count(tx.vout.length),
    outputsSum(tx.vout), bytes(tx.size),
  ]);
  const more = rows.length > SHOWN ? h("p", { class: "quiet" }, `And ${rows.length - SHOWN} more.`) : null;
  return [table("Transactions", ["Id", "Inputs", "Outputs", "Moves", "Size"], cells, "None: an empty block."), more];
}
