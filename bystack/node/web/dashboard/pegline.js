// A peg-in or peg-out as a line of steps: which are done, which is now, and what went amiss. Pure.

const IN = ["Deposited", "Buried", "Claimed", "Minted"];
const OUT = ["Burned", "In a batch", "Signed", "Sent", "Proved", "Paid"];
const RETURN = ["Deposited", "Nobody can claim it", "Going back", "Paid back"];
const IN_STEP = { waiting: 1, claimable: 2, claimed: 4 };
const RETURN_STEP = { unclaimable: 1, stray: 1, returning: 2, returned: 4 };
const BATCHED = { burial: 1, signing: 2, signatures: 2, frozen: 2, void: 2, sending: 3, block: 3, headers: 4, proof: 4 };
const GATES = new Set(["stopped", "frozen", "void", "terms", "signing"]);

const HINTS = {
  sent: "a main-chain block to take the deposit", claimable: "a next block of the sidechain to claim it",
  orphaned: "its deposit to be mined again", unclaimable: "somebody to prove that nobody can claim it",
  stray: "a quorum of members to order that it is paid back", returning: "the vault to pay it back",
};

/** What a peg-in waits for where the node names no blocks, or nothing. */
export function peginHint({ state, waits_for: wait }) {
  return wait || HINTS[state] || "";
}

/** Steps `{text, mood}`; mood is done, now, amiss or nothing. */
export function peginLine(status) {
  const { state } = status;
  if (state === "donation") return steps(["Deposited", "A gift to the vault"], 2, false);
  if (state in RETURN_STEP) return steps(RETURN, RETURN_STEP[state], state === "unclaimable");
  if (state === "orphaned") return steps(IN, 1, true);
  return steps(IN, IN_STEP[state] ?? 0, false);
}

/** The same of a peg-out. */
export function pegoutLine(status) {
  const { state, wait } = status;
  if (state === "refunded") return steps(["Burned", "Refunded"], 2, false);
  if (state === "settled") return steps(OUT, OUT.length, false);
  if (state === "vetoed" || state === "requested") return steps(OUT, 1, state === "vetoed" || GATES.has(wait));
  if (state === "pending") return steps([...OUT.slice(0, 4), "Delayed", "Paid"], 4, GATES.has(wait));
  return steps(OUT, BATCHED[wait] ?? 1, state === "orphaned" || GATES.has(wait));
}

function steps(texts, at, amiss) {
  return texts.map((text, place) => ({
    text,
    mood: place < at ? "done" : place > at ? "" : amiss ? "now amiss" : "now",
  }));
}

/** Deposits into a vault and what became of them, newest first, from both chains' events. */
export function pegins(main, side, vault) {
  const minted = new Map(side.filter((one) => one.event === "claimed").map((one) => [place(one.outpoint), one]));
  const deposits = main.filter((one) => one.event === "deposit" && one.vault === vault);
  const seen = new Set(deposits.map((one) => `${one.txid}:${one.vout}`));
  const older = [...minted].filter(([key]) => !seen.has(key)).map(([key, one]) => ({
    key, asset: one.asset, units: one.amount, claimed: one.height, height: null,
  }));
  const rows = deposits.map((one) => {
    const key = `${one.txid}:${one.vout}`;
    return { key, asset: one.asset, units: one.units, height: one.height, claimed: minted.get(key)?.height ?? null };
  });
  return [...older, ...rows].reverse();
}

/** Peg-outs and their last state, newest first. */
export function pegouts(side) {
  const rows = new Map();
  for (const one of side) {
    if (one.event === "pegout") {
      rows.set(one.id, { id: one.id, asset: one.asset, units: one.payout, height: one.height, state: "requested" });
    } else if (one.event === "pegout_state" && rows.has(one.id)) rows.get(one.id).state = one.state;
    else if (one.event === "refunded" && rows.has(one.id)) rows.get(one.id).state = "refunded";
  }
  return [...rows.values()].reverse();
}

function place(outpoint) {
  if (typeof outpoint === "string") return outpoint;
  const parts = Array.isArray(outpoint) ? outpoint : [outpoint.transaction ?? outpoint.txid, outpoint.index ?? outpoint.vout];
  return parts.join(":");
}
