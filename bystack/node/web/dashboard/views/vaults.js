// Vaults: what they hold, what each tier may pay now, what waits, who can do what.

import { idOf, know, learn, named, value } from "../assets.js";
import { level, policyText } from "../bucket.js";
import { badge, facts, h, meter, section, table } from "../dom.js";
import { count, short, words } from "../format.js";
import { txLink, vaultLink, whole } from "../parts.js";
import { link } from "../routes.js";
import { BRIEF, Down, Refused, SignIn, batch, call, tried } from "../rpc.js";

const KINDS = { DepositLock: "deposit", TreasuryLock: "treasury", PendingLock: "pending payout", AnchorLock: "anchor" };

export async function vaults({ node }) {
  const ids = await call("main", "listvaults");
  const found = await batch("main", ids.slice(0, 200).map((id) => ["getvault", id]));
  const owners = await ownersOf(node);
  const rows = found.filter((one) => !(one instanceof Refused));
  await know(rows.flatMap((one) => Object.keys(one.holdings)));
  const cells = rows.map((one) => [
    vaultLink(one.vault), owners.get(one.vault)?.name ?? "–", holdings(one), count(one.state.seq), count(one.pending),
    one.state.announced.length ? badge("terms announced", "warn") : "–",
  ]);
  return {
    title: "Vaults",
    content: section("Vaults", table("Vaults",
      ["Vault", "Of", "Holds", "Orders", "Pending", "Announced"], cells, "No vault on this chain.")),
    topics: [["main", "blocks"]],
  };
}

/** Which sidechain a vault belongs to, as far as this node follows it and it answers. */
async function ownersOf(node) {
  const names = node.processes.filter((one) => one.role === "sidechain").map((one) => one.name);
  const found = await Promise.all(names.map(async (name) => {
    try {
      const [info] = await batch(name, [["getsidechaininfo"]], BRIEF);
      if (info instanceof Refused) return null;
      learn(info.assets);
      return [info.vault, info];
    } catch (error) {
      if (error instanceof SignIn || !(error instanceof Down)) throw error;
      return null;
    }
  }));
  return new Map(found.filter(Boolean));
}

function holdings(one) {
  return Object.entries(one.holdings).map(([asset, units]) => value(units, asset)).join(", ") || "nothing";
}

export async function vault({ node, argument }) {
  const [one, height] = await batch("main", [["getvault", argument], ["getblockcount"]]);
  if (one instanceof Refused) throw one;
  const owner = (await ownersOf(node)).get(one.vault);
  const terms = owner ? await tried(owner.name, "getvaultterms") : null;
  await know([...Object.keys(one.holdings), ...one.state.buckets.map((row) => row.asset)]);
  const names = owner ? await keysOf(owner.name, node) : new Map();
  const { state } = one;
  const frozen = state.frozen_until > height;
  return {
    title: `Vault ${owner ? `of ${owner.name}` : short(one.vault)}`,
    content: [
      section("Vault", facts([
        ["Id", whole(one.vault)],
        ["Sidechain", owner ? h("a", { href: link(owner.name, "pegs") }, owner.name) : "not followed here"],
        ["Holds", holdings(one)],
        ["Orders so far", count(state.seq)],
        ["Last touched at", count(state.touched)],
        ["State", frozen ? badge(`frozen until height ${count(state.frozen_until)}`, "bad") : badge("open", "good")],
        ["Anchor", txLink("main", one.anchor.txid)],
        ["Terms", whole(state.terms)],
      ])),
      section("What each tier may pay now", buckets(state.buckets, terms, height + 1)),
      section("Who can do what", terms ? powers(terms, names) : h("p", { class: "quiet" },
        "The terms are known to the sidechain, which does not answer here, or has not proved its vault yet.")),
      section("Pending payouts", pending(one.coins, height)),
      section("Announced terms", state.announced.length
        ? facts(state.announced.map((other) => [`Ripe at height ${count(other.ripe)}`, whole(other.terms)]))
        : h("p", { class: "quiet" }, "None.")),
      section("Coins", coins(one.coins)),
    ],
    topics: [["main", "blocks"]],
  };
}

/** Whose a key is: a member's, and what the charter calls it where this node has a member. */
async function keysOf(chain, node) {
  const members = await tried(chain, "listmembers");
  const charter = Object.entries(await charterKeys(chain, node)).map(([name, key]) => [key, name]);
  return new Map([...charter, ...(members?.members ?? []).flatMap((one) =>
    [one.identity, one.key].map((key) => [key, `member ${one.name}`]))]);
}

async function charterKeys(chain, node) {
  if (!node.processes.some((one) => one.role === "federation" && one.name === chain)) return {};
  try {
    return (await tried(`/federation/${chain}`, "getfederationinfo"))?.keys ?? {};
  } catch (error) {
    if (error instanceof SignIn || !(error instanceof Refused)) throw error;
    return {};
  }
}

function buckets(rows, terms, height) {
  const cells = rows.map((row) => {
    const limit = terms?.terms.tiers[row.tier]?.limits.find((one) => one.asset === row.asset);
    if (!limit) return [count(row.tier), named(row.asset).name, value(row.level, row.asset), "–"];
    const now = level(row, limit, height);
    const text = `${value(now, row.asset)} of ${value(limit.capacity, row.asset)}`;
    return [count(row.tier), named(row.asset).name,
      h("div", { class: "level" }, meter(Number(now), Number(limit.capacity), text),
        h("span", {}, text)),
      `${value(limit.refill, row.asset)} ${Number(limit.period) === 1 ? "a block" : `every ${count(limit.period)} blocks`}`];
  });
  return table("Buckets", ["Tier", "Asset", "May pay", "Refills"], cells, "No limits.");
}

function powers({ terms }, names) {
  const rows = [
    ...terms.tiers.map((tier, place) => [`Pay (tier ${place})`, policyText(tier.policy, names),
      tier.delay ? `paid after ${count(tier.delay)} blocks, in which a guard may veto` : "paid at once"]),
    ["Freeze, veto, cancel", policyText(terms.guard.policy, names), `freezes for ${count(terms.guard.freeze)} blocks`],
    ["Announce new terms", policyText(terms.govern.policy, names), `in force after ${count(terms.govern.delay)} blocks`],
    ["Recover", policyText(terms.recover.policy, names), `once untouched for ${count(terms.recover.idle)} blocks`],
  ];
  return table("Powers", ["What", "Who", "Terms"], rows);
}

function pending(all, height) {
  const rows = all.filter((one) => one.lock.kind === "PendingLock").map((one) => {
    const ripe = one.height + Number(one.lock.delay);
    return [txLink("main", one.txid, `${short(one.txid)}:${one.vout}`), value(one.units, idOf(one.asset)),
      `height ${count(ripe)}, in ${count(Math.max(0, ripe - height))} blocks`];
  });
  return table("Pending payouts", ["Output", "Amount", "Paid at"], rows);
}

function coins(all) {
  const rows = all.slice(0, 100).map((one) => [txLink("main", one.txid, `${short(one.txid)}:${one.vout}`),
    value(one.units, idOf(one.asset)), KINDS[one.lock.kind] ?? words(one.lock.kind), count(one.height)]);
  const more = all.length > 100 ? h("p", { class: "quiet" }, `And ${all.length - 100} more.`) : null;
  return [table("Coins", ["Output", "Amount", "Kind", "Since height"], rows), more];
}
