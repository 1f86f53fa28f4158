// What somebody may have meant: asked of the chain that is shown, then of the others.

import { h, section } from "../dom.js";
import { BTM } from "../format.js";
import { bearer } from "../assets.js";
import { guesses, link } from "../routes.js";
import { BRIEF, Down, Refused, SignIn, batch } from "../rpc.js";

const WORDS = {
  block: "Block", tx: "Transaction", address: "Address", asset: "Asset", vault: "Vault",
  pegin: "Peg-in", pegout: "Peg-out", certificate: "Certificate", blocks: "Chain",
};

export async function search({ node, chain, argument, go }) {
  const sides = node.processes.filter((one) => one.role === "sidechain").map((one) => one.name);
  const chains = [chain, ...["main", ...sides].filter((one) => one !== chain)];
  const answers = await Promise.all(chains.map((one) => onChain(one, guesses(argument))));
  const silent = chains.filter((one, place) => answers[place] === null);
  const found = [...byName(chains, argument), ...answers.filter(Boolean).flat()];
  if (found.length === 1 && !silent.length) {
    location.replace(found[0]);
    return { title: "Found", content: h("p", {}, "Going there…") };
  }
  const rows = found.map((address) => {
    const [, on, page] = address.split("/");
    return h("li", {}, h("a", { href: address }, page === "blocks" ? `Chain ${on}` : `${WORDS[page]} on ${on}`));
  });
  const none = h("p", {}, "Nothing of this name on any chain that answers. One can search for heights, ids of",
    " blocks, transactions, assets, vaults and peg-outs, digests of certificates, a peg-in as TXID:OUTPUT, addresses, and names of chains and of assets",
    " that a sidechain of this node lists.");
  const unasked = silent.length ? h("p", { class: "notice" }, `Not searched, since no answer comes: ${silent.join(", ")}.`) : null;
  return { title: `Search: ${argument}`, content: section("Found", rows.length ? h("ul", {}, rows) : none, unasked) };
}

/** Chains and assets that are called so. */
function byName(chains, text) {
  const id = bearer(text) ?? (text.trim().toLowerCase() === BTM ? BTM : null);
  const named = chains.filter((one) => one === text.trim().toLowerCase()).map((one) => link(one, "blocks"));
  return [...named, ...(id ? [link("main", "asset", id)] : [])];
}

/** Addresses of pages of what the chain knows by one of these; null where it does not answer. */
async function onChain(chain, wanted) {
  const asked = wanted.map(([page, text]) => [page, text, question(chain, page, text)]);
  const rows = asked.filter(([, , question]) => question);
  try {
    const answers = await batch(chain, rows.map(([, , question]) => question), BRIEF);
    const there = rows.filter((_, place) => answers[place] !== null && !(answers[place] instanceof Refused)
      && (rows[place][0] !== "pegin" || chain !== "main" || deposit(answers[place], rows[place][1])));
    const addresses = asked.filter(([page, text]) => page === "address" && ours(chain, text));
    return [...there, ...addresses].map(([page, text]) => link(chain, page, text));
  } catch (error) {
    if (error instanceof SignIn || !(error instanceof Down)) throw error;
    return null;
  }
}

/** Addresses of the main chain begin with its prefix, those of a sidechain with its own. */
function ours(chain, text) {
  const prefix = text.slice(0, text.lastIndexOf("1"));
  return chain === "main" ? /^(bm|tm|rm)$/.test(prefix) : prefix === chain;
}

function question(chain, page, text) {
  const main = chain === "main";
  switch (page) {
    case "block":
      return /^[0-9]+$/.test(text) ? ["getblockhash", Number(text)] : ["getblockheader", text];
    case "tx":
      return ["getrawtransaction", text];
    case "asset":
      return main ? ["getassetinfo", text] : null;
    case "vault":
      return main ? ["getvault", text] : null;
    case "pegout":
      return main ? null : ["getpegoutstatus", text];
    case "pegin":
      // A deposit in no block yet is known to the main chain's pool alone.
      return main ? ["getrawtransaction", pegin(text)[0], true] : ["getpeginstatus", ...pegin(text)];
    case "certificate":
      return main ? null : ["getcertificate", text];
    default:
      return null;
  }
}

/** The output that this transaction, in no block yet, would deposit; or nothing. */
export function deposit(tx, text) {
  const [, vout] = pegin(text);
  if (tx.confirmations > 0) return null;
  return tx.vout.find((one) => one.lock?.kind === "DepositLock" && (vout === undefined || one.n === vout)) ?? null;
}

/** A deposit's transaction and output. */
export function pegin(text) {
  const [txid, vout] = text.split(":");
  return vout === undefined ? [txid] : [txid, Number(vout)];
}
