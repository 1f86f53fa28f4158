// One peg-in or peg-out as a moving line of its states.

import { idOf, know, learn, value } from "../assets.js";
import { facts, h, section } from "../dom.js";
import { count, duration, short } from "../format.js";
import { addressLink, txLink, vaultLink, whole } from "../parts.js";
import { peginHint, peginLine, pegoutLine } from "../pegline.js";
import { BRIEF, Refused, SignIn, batch, call, tried } from "../rpc.js";
import { deposit, pegin as place } from "./search.js";

function line(steps, state) {
  return h("ol", { class: "steps", "data-state": state, "aria-label": "Steps" }, steps.map(({ text, mood }) =>
    h("li", { class: mood || null, "aria-current": mood.startsWith("now") ? "step" : null }, text,
      h("span", { class: "unseen" }, mood === "done" ? " (done)" : mood.includes("amiss") ? " (held up)" : ""))));
}

function told(text) {
  return h("p", { role: "status", class: text ? "notice" : "quiet" }, text || "Nothing more to wait for.");
}

export async function pegin({ chain: asked, node, argument }) {
  // On the main chain nobody knows which sidechain a deposit is for: each is asked.
  const chains = asked === "main" ? node.processes
    .filter((one) => one.role === "sidechain").map((one) => one.name) : [asked];
  const answers = await Promise.all(chains.map((one) => statusOn(one, argument)));
  const known = answers.findIndex((one) => !(one instanceof Refused));
  if (known < 0) return (await unmined(asked, argument)) ?? nobody(asked, chains, answers);
  const chain = chains[known], status = answers[known];
  learn((await tried(chain, "getsidechaininfo"))?.assets ?? []);
  await know([status.asset]);
  const wait = peginHint(status) && `Waits for ${peginHint(status)}`;
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

/** What a sidechain says of a deposit, or why it says nothing: one that is down hides no other. */
async function statusOn(chain, argument) {
  try {
    return (await batch(chain, [["getpeginstatus", ...place(argument)]], BRIEF))[0];
  } catch (error) {
    if (error instanceof SignIn || !(error instanceof Refused)) throw error;
    return error;
  }
}

/** A deposit that the wallet has sent and no block has taken yet. */
async function unmined(chain, argument) {
  const tx = await tried("main", "getrawtransaction", place(argument)[0], true);
  const output = tx && deposit(tx, argument);
  if (!output) return null;
  await know([output.asset]);
  const status = { state: "sent" };
  return {
    title: `Into a vault: ${value(output.units, idOf(output.asset))}`,
    content: [
      section("Where it stands", line(peginLine(status), status.state), told(`Waits for ${peginHint(status)}.`)),
      section("Facts", facts([
        ["State", "sent, in no block yet"],
        ["Deposit", txLink("main", tx.txid, `${short(tx.txid)}:${output.n}`)],
        ["Vault", vaultLink(output.lock.vault)],
      ])),
    ],
    topics: [["main", "mempool"], ["main", "blocks"], ...(chain === "main" ? [] : [[chain, "blocks"]])],
  };
}

function nobody(asked, chains, answers) {
  if (asked !== "main") throw answers[0];
  const said = chains.map((one, at) => `${one}: ${answers[at].message}`).join(". ");
  throw new Refused(0, said || "This node follows no sidechain that could know the deposit");
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
