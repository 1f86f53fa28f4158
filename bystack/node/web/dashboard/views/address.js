// An address: what it holds, its coins, and, where the node keeps an index, its whole history.

import { know, learn, value } from "../assets.js";
import { badge, facts, h, section, table } from "../dom.js";
import { count, counted, short } from "../format.js";
import { blockLink, txLink, whole } from "../parts.js";
import { Refused, batch, tried } from "../rpc.js";

const COINS = 100, PASSAGES = 25, UNKNOWN = -32601, NOT_KEPT = -1;
/** Pages to fetch at once, and how many answers are put together without being asked further. */
const MOST = 20, STEPS = 5;
const asked = new Map();

export async function address({ chain, argument, go }) {
  const key = `${chain}/${argument}`, pages = asked.get(key) ?? { coins: STEPS, history: 1 };
  const more = (what) => () => {
    asked.set(key, { ...pages, [what]: pages[what] + (what === "coins" ? STEPS : 1) });
    go(location.hash);
  };
  const [coins, history, [balance]] = await Promise.all([
    following(chain, ["getaddressutxos", argument, COINS], "coins", pages.coins),
    following(chain, ["getaddresshistory", argument, PASSAGES], "transactions", pages.history),
    batch(chain, [["getaddressbalance", argument]]),
  ]);
  if (coins instanceof Refused && coins.code !== UNKNOWN) throw coins;
  if (chain !== "main") learn((await tried(chain, "getsidechaininfo"))?.assets ?? []);
  const held = balance instanceof Refused ? summed(coins) : balance.assets;
  const rows = history instanceof Refused ? [] : history.rows;
  await know([...held, ...rows.flatMap((one) => one.assets)].map((one) => one.asset));
  return {
    title: `Address ${short(argument)}`,
    content: [
      section("Address", h("p", {}, whole(argument)), facts([
        ["Chain", chain],
        ["Holds", h("span", { class: "figure" }, held.map((one) => value(one.units, one.asset)).join(", ") || "nothing")],
        ["Coins", coins instanceof Refused ? null : said(coins, coins.rows.length)],
        ["Transactions", history instanceof Refused ? null : said(history, rows.length)],
      ])),
      section("History", historyOf(chain, history, more("history"))),
      section("Coins", coinsOf(chain, coins, more("coins"))),
    ],
    topics: [[chain, "blocks"]],
  };
}

/** Answers that lead from one to the next, as far as they are wanted; or why there are none. */
async function following(chain, [method, ...given], field, pages) {
  const rows = [];
  let next = "", first;
  for (let page = 0; page < Math.min(pages, MOST); page += 1) {
    const [found] = await batch(chain, [[method, ...given, next]]);
    if (found instanceof Refused) return found;
    first ??= found;
    rows.push(...found[field]);
    next = found.next;
    if (!next || (first.indexed && page + 1 >= pages / STEPS)) break;
  }
  return { ...first, rows, next, full: pages >= MOST };
}

function said({ next }, number) {
  return next ? `${count(number)} or more` : count(number);
}

function summed(coins) {
  const sums = new Map();
  for (const one of coins instanceof Refused ? [] : coins.rows) {
    const held = sums.get(one.asset) ?? { asset: one.asset, units: 0n };
    sums.set(one.asset, { ...held, units: held.units + BigInt(one.units) });
  }
  return [...sums.values()];
}

function historyOf(chain, history, more) {
  if (history instanceof Refused) return notKept(history);
  const rows = history.rows.map((one) => [
    txLink(chain, one.txid), blockLink(chain, one.height, count(one.height)),
    one.assets.map((flow) => h("div", { class: flow.units < 0 ? "out" : "in" },
      `${flow.units < 0 ? "" : "+"}${value(flow.units, flow.asset)}`)),
    one.position === null ? "given out by the chain" : one.confirmations < 6 && chain === "main"
      ? badge(counted(one.confirmations, "confirmation"), "warn") : badge("settled", "good"),
  ]);
  const begins = history.first > 1 ? h("p", { class: "quiet" },
    `The node holds transactions from height ${count(history.first)} on.`) : null;
  return [table("History", ["Transaction", "Height", "Change", "State"], rows, "Nothing came here yet."),
    further(history, "Older", more), begins];
}

function notKept({ code }) {
  if (code !== NOT_KEPT) {
    return h("p", { class: "quiet" }, "This node does not keep the chain's transactions, so it cannot tell.");
  }
  return h("p", { class: "quiet" }, "This node keeps no index of addresses, so its history is not known here. Its ",
    "operator can switch it on: ", h("code", {}, "index_addresses = true"), " in the configuration's table of this ",
    "chain, then a restart, at which the index is made from the blocks.");
}

function coinsOf(chain, coins, more) {
  if (coins instanceof Refused) {
    return h("p", { class: "quiet" }, "This node keeps headers only, and no coins but those of its own wallet.");
  }
  const mined = coins.rows.some((one) => one.coinbase);
  const rows = coins.rows.map((one) => [
    txLink(chain, one.txid, `${short(one.txid)}:${one.vout}`), value(one.units, one.asset),
    blockLink(chain, one.height, count(one.height)),
    ...(mined ? [one.coinbase ? "a block's reward" : "a payment"] : []),
  ]);
  const none = coins.next ? "None among the coins looked at so far." : "It holds nothing now.";
  return [table("Coins", ["Output", "Amount", "Since height", ...(mined ? ["From"] : [])], rows, none),
    further(coins, coins.indexed ? "More" : "Look further", more)];
}

function further({ next, full }, text, more) {
  if (!next) return null;
  return full ? h("p", { class: "quiet" }, "There is more than a page can show: ask the RPC.")
    : h("p", {}, h("button", { click: more }, text));
}
