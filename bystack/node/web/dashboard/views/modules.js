// What a sidechain does beside payments and pegs: a panel for each of its modules.

import { badge, facts, h, meter, section, table } from "../dom.js";
import { count, moment, short, words } from "../format.js";
import { past } from "../live.js";
import { blockLink, memo, when, whole } from "../parts.js";
import { link } from "../routes.js";
import { learn, value } from "../assets.js";
import { Refused, batch, call } from "../rpc.js";

const DEPTH = 10, TRADES = 15, LATELY = 20, BLOCKS = 2000;
const ELSEWHERE = { federation: "federation", stake: "validators" };
const KNOWN = { registry, exchange };

export async function modules(context) {
  const { chain } = context;
  const [queries, info] = await batch(chain, [["listqueries"], ["getsidechaininfo"]]);
  for (const one of [queries, info]) if (one instanceof Refused) throw one;
  learn(info.assets);
  const names = Object.keys(queries).filter((one) => !(one in ELSEWHERE))
    .sort((one, other) => (other in KNOWN) - (one in KNOWN));
  const linked = Object.keys(queries).filter((one) => one in ELSEWHERE);
  const events = await past(chain, Math.max(info.sync?.first ?? 0, info.blocks - BLOCKS, 1));
  const panels = await Promise.all(names.map((name) =>
    (KNOWN[name] ?? other)({ ...context, name, queries: queries[name], events })));
  const rest = linked.length ? h("p", { class: "quiet" }, "With pages of their own: ", linked.flatMap((one, place) =>
    [place ? ", " : "", h("a", { href: link(chain, ELSEWHERE[one]) }, one)]), ".") : null;
  const none = section("Nothing beside", h("p", { class: "quiet" }, "This sidechain does payments and pegs only: its",
    " genesis names no registry, exchange or other module."));
  return {
    title: `Modules of ${chain}`,
    content: [names.length ? panels.flat() : none, rest],
    topics: [[chain, "blocks"], [chain, "pegs"]],
  };
}

/** What a module told in the last blocks, newest first. */
function toldBy(name, events) {
  return events.filter((one) => String(one.event).startsWith(`${name}.`)).slice(-LATELY).reverse();
}

async function registry({ chain, events, go }) {
  const info = await call(chain, "getregistryinfo");
  const submit = (event) => {
    event.preventDefault();
    const digest = new FormData(event.target).get("digest").trim().toLowerCase();
    if (digest) go(link(chain, "certificate", digest));
  };
  const rows = toldBy("registry", events).map((one) => [
    h("a", { class: "id", href: link(chain, "certificate", one.digest), title: one.digest }, short(one.digest)),
    words(String(one.event).split(".")[1]), blockLink(chain, one.height, count(one.height)),
  ]);
  return section("Registry of certificates",
    h("p", { class: "quiet" }, "A certificate says that a digest was known to the chain at a height, and whose it is. The document itself goes nowhere."),
    facts([["Certificates", count(info.certificates)], ["An entry costs", value(info.fee, info.asset)]]),
    h("form", { class: "ask", submit }, h("label", { for: "digest" }, "Digest (SHA-256, in hex)"),
      h("input", { id: "digest", name: "digest", required: true, maxlength: 64, autocomplete: "off" }),
      h("button", {}, "Look up")),
    h("h3", {}, "Lately"),
    table("Entries", ["Digest", "What", "Height"], rows, "No entry in the last blocks."));
}

/** The page of one certificate. */
export async function certificate({ chain, argument, now }) {
  const one = await call(chain, "getcertificate", argument);
  const mood = { valid: "good", expired: "warn", revoked: "bad" }[one.status] ?? "";
  return {
    title: `Certificate ${short(argument)}`,
    content: section("Certificate", facts([
      ["State", badge(one.status, mood)],
      ["Digest", whole(argument)],
      ["Owner", h("a", { class: "id", href: link(chain, "address", one.address) }, one.address)],
      ["Since height", blockLink(chain, one.height, count(one.height))],
      ["Since", one.time ? [moment(one.time / 1000), ", ", when(one.time / 1000, now)] : null],
      ["Main chain then at", one.relayed ? blockLink("main", one.relayed, count(one.relayed)) : null],
      ["Valid until height", one.expires ? count(one.expires) : "for good"],
      ["Endorsed by", one.endorsements?.length ? `${one.endorsements.length} owners` : "nobody"],
      ["Memo", one.memo_hex ? memo(one.memo_hex) : null],
    ])),
    topics: [[chain, "blocks"]],
  };
}

async function exchange({ chain, now }) {
  const markets = await call(chain, "listmarkets");
  return Promise.all(markets.slice(0, 8).map(async (market) => {
    const [book, trades] = await batch(chain, [
      ["getorderbook", market.name, DEPTH], ["listtrades", market.name, TRADES]]);
    return section(`Market ${market.name}`, h("p", { class: "quiet" },
      `Prices are ${market.name.split("/")[1]} for one ${market.name.split("/")[0]}; an order takes whole steps of ${market.amount_step}.`),
      book instanceof Refused ? null : bookOf(book), h("h3", {}, "Last trades"),
      trades instanceof Refused ? null : table("Trades", ["When", "Side", "Price", "Amount", "Height"],
        trades.map((one) => [when(one.time, now), side(one.side), String(one.price), String(one.amount),
          blockLink(chain, one.height, count(one.height))]), "Nobody has traded here yet.", { narrow: true }));
  }));
}

function side(name) {
  return h("span", { class: name === "buy" ? "good" : "bad" }, name);
}

/** Both sides of the book, each with how much waits up to its price. */
function bookOf({ bids, asks }) {
  if (!bids.length && !asks.length) return h("p", { class: "quiet" }, "No order waits.");
  const gap = bids.length && asks.length ? Number(asks[0].price) - Number(bids[0].price) : null;
  const most = Math.max(...[...bids, ...asks].map((one) => Number(one.amount)));
  return [h("div", { class: "book" }, half("Who buys", "bids", bids, most), half("Who sells", "asks", asks, most)),
    gap === null ? null : h("p", { class: "quiet" }, `Between the best two prices: ${Number(gap.toPrecision(6))}`)];
}

function half(title, kind, rows, most) {
  const cells = rows.map((one) => [String(one.price), String(one.amount), count(one.orders),
    meter(Number(one.amount), most, `${one.amount} at ${one.price}`)]);
  return h("div", { class: kind }, h("h3", {}, title),
    table(title, ["Price", "Amount", "Orders", "Depth"], cells, "Nobody waits.", { narrow: true }));
}

/** A module this page knows no more of than its name and what it tells. */
function other({ chain, name, queries, events }) {
  const rows = toldBy(name, events).map((one) => {
    const { event, height, ...rest } = one;
    const said = Object.entries(rest).filter(([key]) => !["topic", "chain", "hash", "block", "id"].includes(key));
    return [words(String(event).slice(name.length + 1)), said.map(([key, held]) => `${words(key)} ${short(held)}`).join(", "),
      blockLink(chain, height, count(height))];
  });
  return section(`Module ${name}`,
    h("p", { class: "quiet" }, `It answers ${queries.join(", ") || "no queries"}.`),
    table(name, ["Event", "Facts", "Height"], rows, "It told nothing in the last blocks."));
}
