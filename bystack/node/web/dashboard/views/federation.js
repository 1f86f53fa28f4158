// The members of a sidechain's federation, what they stated, what they vote on and earned.

import { badge, facts, h, section, table } from "../dom.js";
import { count, moment, short, words } from "../format.js";
import { signing } from "../parts.js";
import { Refused, SignIn, batch } from "../rpc.js";

export async function federation({ chain, node }) {
  const [members, said, report, proposals, pauses] = await batch(chain, [
    ["listmembers"], ["liststatements"], ["getfeereport"], ["listproposals"], ["getpauses"]]);
  if (members instanceof Refused) throw members;
  const own = node.processes.some((one) => one.role === "federation" && one.name === chain);
  const points = new Map(report instanceof Refused ? [] : report.members.map((one) => [one.member, one]));
  const stated = new Map(said instanceof Refused ? [] : said.map((one) => [one.member, one.statement]));
  const rows = members.members.map(({ name, weight, identity }) => [
    name, h("code", { title: identity }, short(identity)), count(weight), statement(stated.get(name)),
    count(points.get(name)?.points ?? 0),
  ]);
  return {
    title: `Federation of ${chain}`,
    content: [
      section("Terms", facts([
        ["Threshold", `${signing(members)} weight`],
        ["Charter", h("code", {}, members.charter)],
        ["Key epoch", count(members.epoch)],
        ["Paused", paused(pauses)],
      ])),
      section("Members", table("Members", ["Name", "Identity", "Weight", "Last statement", "Points"], rows),
        h("p", { class: "quiet" }, "Points: work the chain saw in this epoch; each member's part of the fees is weight × points.")),
      section("Proposals", proposed(proposals)),
      own ? await member(`/federation/${chain}`) : null,
    ],
    topics: [[chain, "blocks"]],
  };
}

function statement(said) {
  if (!said) return badge("none", "warn");
  return [said.holds ? badge("reserves hold", "good") : badge("reserves do not hold", "bad"), ` at main ${count(said.height)}`];
}

function paused(pauses) {
  if (pauses instanceof Refused || !pauses) return null;
  const shut = Object.entries(pauses).filter(([, until]) => Number(until) > 0);
  return shut.map(([what, until]) => `${what} until height ${until}`).join(", ") || "nothing";
}

function proposed(found) {
  const rows = found instanceof Refused || !found ? [] : found.proposals;
  return table("Proposals", ["No.", "Kind", "By", "State", "Yes", "Votes", "Note"], rows.map((one) => [
    count(one.number), words(one.kind), one.proposer, badge(one.state), `${one.yes} of ${one.needed || "–"}`,
    one.votes.map(([name, yes]) => `${name} ${yes ? "yes" : "no"}`).join(", ") || "–", one.note || "–",
  ]));
}

/** This node's own member, as far as the token lets one see it. */
async function member(path) {
  let found;
  try {
    found = await batch(path, [["getfederationinfo"], ["listpending"], ["getauditlog", 0, 200]]);
  } catch (error) {
    if (error instanceof SignIn) throw error;
    return section("This node's member", h("p", {}, badge("no answer", "bad"), ` ${error.message}`));
  }
  const [info, pending, log] = found;
  if (info instanceof Refused) return null;
  const waiting = pending instanceof Refused ? [] : pending;
  const acts = log instanceof Refused ? [] : log.slice(-15).reverse();
  return section("This node's member",
    facts([
      ["Member", `${info.member}, weight ${info.weight}`],
      ["Other members connected", count(info.peers)],
      ["Orders signed up to seq", info.signer ? count(info.signer.seq) : null],
      ["Signer", info.signer?.stalled || (info.signer?.frozen ? "frozen" : "ready")],
    ]),
    table("Orders waiting for signatures", ["Order", "Seq", "Weight", "Missing"],
      waiting.map((one) => [one.operation, one.seq, `${one.weight} of ${one.threshold}`, (one.missing ?? []).join(", ")]),
      "No order waits for signatures."),
    h("details", {}, h("summary", {}, "What the signer did last"),
      table("Audit log", ["When", "What", "Outcome", "Reason"],
        acts.map((one) => [moment(one.time), one.kind, one.outcome, words(one.reason)]))));
}
