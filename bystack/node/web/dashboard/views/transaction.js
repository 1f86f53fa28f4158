// One transaction: what it spends, what it makes, what it does.

import { assetLink, idOf, know, learn, value } from "../assets.js";
import { badge, facts, h, section, table } from "../dom.js";
import { bytes, count, moment, short, words } from "../format.js";
import { addressLink, blockLink, txLink, vaultLink, when, whole } from "../parts.js";
import { link } from "../routes.js";
import { Refused, batch, call, tried } from "../rpc.js";

const SOURCES = 100;

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
        ["State", inBlock ? badge(`${count(tx.confirmations)} confirmations`, "good") : badge("waiting", "warn")],
        ["Block", tx.blockhash ? blockLink(chain, tx.blockhash, count(tx.height)) : null],
        ["Time", seconds ? [moment(seconds), ", ", when(seconds, now)] : null],
        ["Fee", tx.coinbase ? null : fee(sources, tx.vout)],
        ["Size", bytes(tx.size)],
        ["Valid from height", tx.valid_from || null],
        ["Valid until height", tx.valid_until || null],
        ["Memo", tx.memo ? whole(tx.memo) : null],
      ])),
      section("Spends", inputs(chain, tx, sources)),
      section("Makes", outputs(chain, tx)),
      tx.actions.length ? section("Does", actions(tx.actions)) : null,
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
  return lock?.vault ? vaultLink(lock.vault) : words(lock?.kind ?? "–");
}

function lockNote(txid, { lock, n }) {
  if (lock?.kind !== "DepositLock") return words(lock?.kind ?? "–");
  return ["into the vault ", vaultLink(lock.vault), " ",
    h("a", { href: link("main", "pegin", `${txid}:${n}`) }, "peg-in")];
}

function actions(rows) {
  return rows.map((one) => h("details", {},
    h("summary", {}, one.name ? words(one.name) : `Action of kind ${one.kind}`),
    h("pre", {}, JSON.stringify(one, (_, held) => (typeof held === "bigint" ? String(held) : held), 2))));
}
