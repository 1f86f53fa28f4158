// One transaction: what it spends, what it makes, what it does.

import { assetLink, idOf, know, learn, value } from "../assets.js";
import { badge, facts, h, section, table } from "../dom.js";
import { bytes, count, counted, moment, short, words } from "../format.js";
import { addressLink, blockLink, memo, txLink, vaultLink, when, whole } from "../parts.js";
import { link } from "../routes.js";
import { Refused, batch, call, tried } from "../rpc.js";

const SOURCES = 100;
const MAIN_ACTIONS = {
  1: "Reward of a block", 2: "Issue of an asset", 16: "Creates a vault", 17: "Order of a vault", 18: "Touches a vault",
  19: "Completes a payout", 20: "Vetoes a payout", 21: "Announces terms", 22: "Cancels announced terms",
  23: "Adopts terms", 24: "Freezes a vault", 25: "Replaces an order", 26: "Recovers a vault", 27: "Gathers a vault's coins",
};
const SIDE_ACTIONS = {
  1: "Relays main-chain headers", 2: "Claims a deposit", 3: "Takes in a gift", 4: "Proves anew", 5: "Proves an order paid",
  6: "Proves a payout's end", 7: "Burns for a peg-out", 8: "Accuses a validator", 9: "Tells of a departed branch",
  10: "Takes in a stray deposit",
};
const LOCKS = {
  PolicyLock: "payment", RetireLock: "retired for good", VaultLock: "the vault's anchor", TreasuryLock: "the vault's treasury",
  PendingLock: "pending payout", RecordLock: "record of an asset",
};

/** The sums of outputs per asset, in words. */
export function outputsSum(outputs) {
  const sums = new Map();
  for (const one of outputs) sums.set(one.asset, (sums.get(one.asset) ?? 0n) + BigInt(one.units));
  return [...sums].map(([asset, units]) => value(units, asset)).join(", ") || "nothing";
}

export async function transaction({ chain, argument, now }) {
  const tx = await call(chain, "getrawtransaction", argument, true);
  if (chain !== "main") learn((await tried(chain, "getsidechaininfo"))?.assets ?? []);
  const sources = await spent(chain, tx.vin);
  await know([...tx.vout, ...sources.filter(Boolean)].map((one) => one.asset));
  const inBlock = tx.confirmations > 0;
  const seconds = tx.blocktime ?? (tx.time > 1e11 ? tx.time / 1000 : tx.time);
  return {
    title: `Transaction ${short(tx.txid)}`,
    content: [
      section("Transaction", facts([
        ["Id", whole(tx.txid)],
        ["State", inBlock ? badge(counted(tx.confirmations, "confirmation"), "good") : badge("waiting", "warn")],
        ["Block", tx.blockhash ? blockLink(chain, tx.blockhash, count(tx.height)) : null],
        ["Time", seconds ? [moment(seconds), ", ", when(seconds, now)] : null],
        ["Fee", tx.coinbase ? null : fee(sources, tx.vout)],
        ["Size", bytes(tx.size)],
        ["Valid from height", tx.valid_from || null],
        ["Valid until height", tx.valid_until || null],
        ["Memo", tx.memo ? memo(tx.memo) : null],
      ])),
      section("Spends", inputs(chain, tx, sources)),
      section("Makes", outputs(chain, tx)),
      tx.actions.length ? section("Does", actions(tx.actions, chain === "main" ? MAIN_ACTIONS : SIDE_ACTIONS)) : null,
    ],
    topics: [[chain, "blocks"]],
  };
}

/** The outputs that the inputs spend; null for one that this node cannot tell. */
async function spent(chain, inputs) {
  const ids = [...new Set(inputs.slice(0, SOURCES).map((one) => one.txid))];
  const found = await batch(chain, ids.map((id) => ["getrawtransaction", id, true]));
  const made = new Map(ids.map((id, place) => [id, found[place]]));
  return inputs.map(({ txid, vout }) => {
    const source = made.get(txid);
    return !source || source instanceof Refused ? null : source.vout[vout] ?? null;
  });
}

/** What goes in and not out, per asset; unknown where a source is. */
function fee(sources, outputs) {
  if (!sources.length || sources.includes(null)) return null;
  const left = new Map();
  const add = (one, sign) => {
    const id = idOf(one.asset);
    left.set(id, (left.get(id) ?? 0n) + sign * BigInt(one.units));
  };
  sources.forEach((one) => add(one, 1n));
  outputs.forEach((one) => add(one, -1n));
  const paid = [...left].filter(([, units]) => units > 0n);
  return paid.map(([id, units]) => value(units, id)).join(", ") || "none";
}

function inputs(chain, tx, sources) {
  const rows = tx.vin.map((one, place) => {
    const from = sources[place];
    return [
      txLink(chain, one.txid, `${short(one.txid)}:${one.vout}`),
      from?.address ? addressLink(chain, from.address) : from ? lockText(from.lock) : "–",
      from ? value(from.units, from.asset) : "–",
      words(one.witness?.kind ?? "–"),
    ];
  });
  const none = tx.coinbase ? "Nothing: it pays the block's reward." : "Nothing: it mints by proof.";
  return table("Inputs", ["Output", "Of", "Amount", "By"], rows, none);
}

function outputs(chain, tx) {
  const rows = tx.vout.map((one) => [
    count(one.n), one.address ? addressLink(chain, one.address) : lockText(one.lock),
    value(one.units, one.asset), assetLink(one.asset, "main"), lockNote(tx.txid, one),
  ]);
  return table("Outputs", ["No.", "To", "Amount", "Asset", "Kind"], rows);
}

function lockText(lock) {
  return lock?.vault ? vaultLink(lock.vault) : kindOf(lock);
}

function kindOf(lock) {
  return LOCKS[lock?.kind] ?? words(lock?.kind ?? "–");
}

function lockNote(txid, { lock, n }) {
  if (lock?.kind !== "DepositLock") return kindOf(lock);
  return ["into the vault ", vaultLink(lock.vault), " ",
    h("a", { href: link("main", "pegin", `${txid}:${n}`) }, "peg-in")];
}

function actions(rows, names) {
  return rows.map((one) => h("details", {},
    h("summary", {}, one.name ? words(one.name) : names[one.kind] ?? `Action of kind ${one.kind}`),
    h("pre", {}, JSON.stringify(one, (_, held) => (typeof held === "bigint" ? String(held) : held), 2))));
}
