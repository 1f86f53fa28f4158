// What somebody may have meant: asked of the chain that is shown, then of the others.

import { h, section } from "../dom.js";
import { guesses, link } from "../routes.js";
import { Down, Refused, SignIn, batch } from "../rpc.js";

const WORDS = {
  block: "Block", tx: "Transaction", address: "Address", asset: "Asset", vault: "Vault",
  pegin: "Peg-in", pegout: "Peg-out", certificate: "Certificate",
};

export async function search({ node, chain, argument, go }) {
  const sides = node.processes.filter((one) => one.role === "sidechain").map((one) => one.name);
  const chains = [chain, ...["main", ...sides].filter((one) => one !== chain)];
  const found = (await Promise.all(chains.map((one) => onChain(one, guesses(argument))))).flat();
  if (found.length === 1) {
    location.replace(found[0]);
    return { title: "Found", content: h("p", {}, "Going there…") };
  }
  const rows = found.map((address) => {
    const [, on, page] = address.split("/");
    return h("li", {}, h("a", { href: address }, `${WORDS[page]} on ${on}`));
  });
  const none = h("p", {}, "Nothing of this name on any chain that answers. One can search for heights, ids of",
    " blocks, transactions, assets, vaults and peg-outs, digests of certificates, a peg-in as TXID:OUTPUT, and addresses.");
  return { title: `Search: ${argument}`, content: section("Found", rows.length ? h("ul", {}, rows) : none) };
}

async function onChain(chain, wanted) {
  const asked = wanted.map(([page, text]) => [page, text, question(chain, page, text)]);
  const rows = asked.filter(([, , question]) => question);
  try {
    const answers = await batch(chain, rows.map(([, , question]) => question));
    const there = rows.filter((_, place) => answers[place] !== null && !(answers[place] instanceof Refused));
    const addresses = asked.filter(([page, text]) => page === "address" && ours(chain, text));
    return [...there, ...addresses].map(([page, text]) => link(chain, page, text));
  } catch (error) {
    if (error instanceof SignIn || !(error instanceof Down)) throw error;
    return [];
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
      return main ? null : ["getpeginstatus", ...pegin(text)];
    case "certificate":
      return main ? null : ["getcertificate", text];
    default:
      return null;
  }
}

/** A deposit's transaction and output. */
export function pegin(text) {
  const [txid, vout] = text.split(":");
  return vout === undefined ? [txid] : [txid, Number(vout)];
}
