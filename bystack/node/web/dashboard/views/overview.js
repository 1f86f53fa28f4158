// The network at a glance: the main chain, each sidechain, its federation, its reserves.

import { learn, value } from "../assets.js";
import { badge, facts, h, meter, section, table } from "../dom.js";
import { count, counted, rough } from "../format.js";
import { chart } from "../graphs.js";
import { blockLink, heights, signing, vaultLink, when } from "../parts.js";
import { link } from "../routes.js";
import { spacing } from "../scaling.js";
import { BRIEF, Down, Refused, SignIn, batch } from "../rpc.js";

const PACE = 40;
const MAIN = [["getblockchaininfo"], ["getmempoolinfo"], ["getnetworkinfo"], ["getnetworkhashps"]];
const SIDE = [["getsidechaininfo"], ["getepoch"], ["listmembers"], ["getreserves"], ["getpegstatus"]];

export async function overview({ node, now }) {
  const named = (role) => node.processes.filter((one) => one.role === role);
  const cards = await Promise.all([
    ...named("mainchain").map(() => card("main", MAIN, mainCard, now)),
    ...named("sidechain").map(({ name }) => card(name, SIDE, sideCard, now)),
  ]);
  const states = node.processes.map((one) =>
    [one.role, one.name || "–", badge(one.state, one.state === "running" ? "good" : "bad"), one.restarts]);
  const chains = ["main", ...named("sidechain").map(({ name }) => name)];
  return {
    title: `The network ${node.network}`,
    content: [
      h("div", { class: "cards" }, cards),
      section("Processes of this node",
        table("Processes", ["Process", "Of", "State", "Restarts"], states, "None.", { narrow: true })),
    ],
    topics: chains.slice(0, 16).map((chain) => [chain, "blocks"]),
  };
}

async function card(chain, asked, made, now) {
  try {
    return await made(chain, await batch(chain, asked, BRIEF), now);
  } catch (error) {
    if (error instanceof SignIn || !(error instanceof Down)) throw error;
    return h("section", { class: "dead", "data-chain": chain, "aria-label": chain },
      h("h2", {}, chain, " ", badge("down", "bad")),
      h("p", {}, `${error.message}. The other chains go on.`));
  }
}

function framed(chain, mood, ...content) {
  return h("section", { "data-chain": chain, "aria-label": chain },
    h("h2", {}, h("a", { href: link(chain) }, chain), " ", mood), content);
}

/** Seconds between the last blocks. */
async function pace(chain, last) {
  const ids = await batch(chain, heights(last, PACE).map((height) => ["getblockhash", height]), BRIEF);
  const found = await batch(chain, ids.filter((id) => typeof id === "string").map((id) => ["getblockheader", id]), BRIEF);
  const line = found.filter((one) => !(one instanceof Refused) && one.height > 0).reverse();
  return chart("Seconds between blocks", spacing(line), { unit: "s", high: 120 });
}

async function mainCard(chain, [info, pool, net, rate], now) {
  if (info instanceof Refused) throw info;
  const catching = info.initialblockdownload || info.blocks < info.headers;
  return framed("main", badge(catching ? "catching up" : "running", catching ? "warn" : "good"),
    facts([
      ["Height", blockLink("main", info.bestblockhash, count(info.blocks))],
      ["Last block", when(info.time, now)],
      ["Difficulty", rough(info.difficulty)],
      ["Hash rate", rate instanceof Refused ? "–" : rough(rate, "H/s")],
      ["Waiting", pool instanceof Refused ? "–" : counted(pool.size, "transaction")],
      ["Peers", net instanceof Refused ? "–" : count(net.connections)],
    ]), await pace("main", info.blocks), warnings(info.warnings));
}

function sideCard(chain, [info, epoch, members, reserves, ways], now) {
  if (info instanceof Refused) throw info;
  learn(info.assets);
  const shut = ways instanceof Refused ? [] : ["pegin", "pegout", "payouts", "signing"]
    .filter((way) => !ways[way].open);
  const still = now - info.time > 120;
  const mood = still ? badge("no new block", "warn") : badge("running", "good");
  return framed(chain, mood,
    facts([
      ["Height", blockLink(chain, info.bestblockhash, count(info.blocks))],
      ["Last block", when(info.time, now)],
      ["Validators", epoch instanceof Refused ? "–" :
        h("a", { href: link(chain, "validators") }, `${epoch.validators}, ${epoch.quorum} of ${epoch.weight} decide`)],
      ["Federation", members instanceof Refused || !members ? "–" :
        h("a", { href: link(chain, "federation") },
          `${counted(members.members.length, "member")}, ${signing(members)} sign`)],
      ["Vault", vaultLink(info.vault)],
      ["Main chain known to", count(info.relay.height)],
      ["Pegs", shut.length ? badge(`shut: ${shut.join(", ")}`, "bad") : badge("open", "good")],
    ]),
    reservesOf(reserves), warnings(info.warnings));
}

/** The vault against what it stands for, one bar an asset. */
export function reservesOf(reserves) {
  if (reserves instanceof Refused || !reserves) return null;
  const rows = Object.entries(reserves.assets).map(([name, row]) => {
    const owes = Number(row.circulating) + Number(row.pool) + Number(row.owed);
    const most = Math.max(Number(row.vault), owes, 1);
    const text = `${value(row.vault, row.asset)} in the vault for ${name} circulating, pooled and owed`;
    const owed = BigInt(row.circulating) + BigInt(row.pool) + BigInt(row.owed);
    return h("div", {}, h("dt", {}, name),
      h("dd", {}, `${value(row.vault, row.asset)} held, ${value(owed, row.asset)} owed`),
      h("dd", { class: "full" }, meter(Number(row.vault), most, text, Number(row.vault) < owes)));
  });
  const mood = reserves.holds ? badge("covered", "good") : badge("not covered", "bad");
  return h("div", { class: "reserves" }, h("p", {}, "Reserves against liabilities ", mood), h("dl", { class: "facts" }, rows));
}

function warnings(text) {
  const said = Array.isArray(text) ? text.join("; ") : text;
  return said ? h("p", { class: "notice" }, said) : null;
}
