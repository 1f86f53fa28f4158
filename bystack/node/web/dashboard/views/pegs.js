// The ways across of a sidechain: which are open, and who went in or out lately.

import { idOf, know, learn, value } from "../assets.js";
import { badge, h, section, table } from "../dom.js";
import { count, short } from "../format.js";
import { past } from "../live.js";
import { blockLink } from "../parts.js";
import { pegins, pegouts } from "../pegline.js";
import { link } from "../routes.js";
import { call, tried } from "../rpc.js";
import { reservesOf } from "./overview.js";

const MAIN_BLOCKS = 500, SIDE_BLOCKS = 2000;
const WAYS = {
  pegin: "In (claims)", pegout: "Out (burns)", payouts: "Payouts (batches)", signing: "Signing",
};

export async function pegs({ chain }) {
  const info = await call(chain, "getsidechaininfo");
  learn(info.assets);
  const [ways, reserves, top] = await Promise.all([
    call(chain, "getpegstatus"), tried(chain, "getreserves"), tried("main", "getblockcount")]);
  const first = Math.max(info.sync?.first ?? 0, info.blocks - SIDE_BLOCKS, 1);
  const [main, side] = await Promise.all([
    top === null ? [] : past("main", Math.max(0, top - MAIN_BLOCKS)), past(chain, first)]);
  const ins = pegins(main, side, info.vault), outs = pegouts(side);
  await know([...ins, ...outs].map((one) => one.asset));
  return {
    title: `Into ${chain} and out of it`,
    content: [
      section("Ways", table("Ways", ["Way", "State", "Why"], Object.entries(WAYS).map(([way, text]) =>
        [text, ways[way].open ? badge("open", "good") : badge("shut", "bad"), why(ways[way])]))),
      section("Vault and liabilities", reservesOf(reserves) ?? h("p", { class: "quiet" }, "Not known now.")),
      section("In", table("Peg-ins", ["Deposit", "Amount", "Main-chain block", "Minted in block"],
        ins.map((one) => inRow(chain, one)), "No deposit lately.")),
      section("Out", table("Peg-outs", ["Peg-out", "Amount", "Burned in block", "State"],
        outs.map((one) => outRow(chain, one)), "No burn lately.")),
    ],
    topics: [[chain, "pegs"], ["main", "blocks"], [chain, "blocks"]],
  };
}

function why(gate) {
  return gate.why.map((one) => `${one.why}; lifted by: ${one.lifts}`).join(". ") || "–";
}

function inRow(chain, one) {
  return [
    h("a", { class: "id", href: link(chain, "pegin", one.key) }, short(one.key)),
    value(one.units, idOf(one.asset)),
    one.height === null ? "–" : blockLink("main", one.height, count(one.height)),
    one.claimed === null ? badge("not yet", "warn") : blockLink(chain, one.claimed, count(one.claimed)),
  ];
}

function outRow(chain, one) {
  const mood = { settled: "good", refunded: "warn", vetoed: "bad", orphaned: "bad" }[one.state] ?? "";
  return [
    h("a", { class: "id", href: link(chain, "pegout", one.id) }, short(one.id)),
    value(one.units, idOf(one.asset)), blockLink(chain, one.height, count(one.height)),
    badge(one.state, mood),
  ];
}
