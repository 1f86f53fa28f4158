// One peg-in or peg-out as a moving line of its states.

import { idOf, know, learn, value } from "../assets.js";
import { facts, h, section } from "../dom.js";
import { count, duration, short } from "../format.js";
import { addressLink, txLink, whole } from "../parts.js";
import { peginLine, pegoutLine } from "../pegline.js";
import { call, tried } from "../rpc.js";
import { pegin as place } from "./search.js";

function line(steps, state) {
  return h("ol", { class: "steps", "data-state": state, "aria-label": "Steps" }, steps.map(({ text, mood }) =>
    h("li", { class: mood || null, "aria-current": mood.startsWith("now") ? "step" : null }, text,
      h("span", { class: "unseen" }, mood === "done" ? " (done)" : mood.includes("amiss") ? " (held up)" : ""))));
}

function told(text) {
  return h("p", { role: "status", class: text ? "notice" : "quiet" }, text || "Nothing more to wait for.");
}

export async function pegin(context) {
  // On the main chain nobody knows which sidechain a deposit is for: each is asked.
  const chains = context.chain === "main" ? context.node.processes
    .filter((one) => one.role === "sidechain").map((one) => one.name) : [context.chain];
  const [chain, status] = await firstOf(chains, context.argument);
  learn((await tried(chain, "getsidechaininfo"))?.assets ?? []);
  await know([status.asset]);
  const wait = status.waits_for ? `Waits for ${status.waits_for}` : "";
  const about = status.about_seconds ? `, about ${duration(status.about_seconds)}` : "";
  return {
    title: `Into ${chain}: ${value(status.units, idOf(status.asset))}`,
    content: [
      section("Where it stands", line(peginLine(status), status.state), told(wait && `${wait}${about}.`)),
      section("Facts", facts([
        ["State", status.state],
        ["Deposit", txLink("main", status.txid, `${short(status.txid)}:${status.vout}`)],
        ["Main-chain height", count(status.height)],
        ["Blocks left", status.blocks_left],
        ["For", whole(status.recipient)],
        ["Claim", status.claim ? txLink(chain, status.claim) : null],
      ])),
    ],
    topics: [[chain, "pegs"], [chain, "blocks"], ["main", "blocks"]],
  };
}

async function firstOf(chains, argument) {
  for (const chain of chains.slice(0, -1)) {
    const found = await tried(chain, "getpeginstatus", ...place(argument));
    if (found) return [chain, found];
  }
  const last = chains.at(-1);
  return [last, await call(last, "getpeginstatus", ...place(argument))];
}

export async function pegout({ chain, argument }) {
  const status = await call(chain, "getpegoutstatus", argument);
  learn((await tried(chain, "getsidechaininfo"))?.assets ?? []);
  const wait = status.waits_for ? `Waits for ${status.waits_for}.` : "";
  const paid = status.paid_in_about_seconds;
  const about = paid ? ` The money is there in about ${duration(paid)}.` : "";
  const { signing } = status;
  return {
    title: `Out of ${chain}: ${money(status.payout)}`,
    content: [
      section("Where it stands", line(pegoutLine(status), status.state), told(wait && wait + about)),
      section("Facts", facts([
        ["State", status.state],
        ["Id", whole(status.id)],
        ["Burned", money(status.burned)],
        ["Paid out", money(status.payout)],
        ["To", status.destination ? addressLink("main", status.destination) : null],
        ["Tier", count(status.tier)],
        ["Before it in the queue", status.before || null],
        ["Order of the vault", status.seq === null ? null : `seq ${status.seq}`],
        ["Batched at height", status.batch_height],
        ["Vetoes", status.vetoes || null],
        ["Signed", signing ? `${signing.weight} of ${signing.threshold} weight` : null],
        ["Not signed by", signing?.missing?.length ? signing.missing.join(", ") : null],
      ])),
    ],
    topics: [[chain, "pegs"], [chain, "blocks"], ["main", "blocks"]],
  };
}

function money(form) {
  return value(form.units, idOf(form.asset));
}
