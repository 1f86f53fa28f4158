// Asking the node. The secret lives in sessionStorage of this tab and goes as a Bearer token; no
// cookie is ever sent, so another site's page has nothing to ride on.

import { readJson } from "./format.js";

const KEY = "bystack-token";
/** Milliseconds to wait for a process that may stand still: for a whole page, for a card of one. */
export const PATIENCE = 30000, BRIEF = 5000;
const SECRET = /^[0-9A-Za-z._-]{1,256}$/;

/** What the node answered instead of a result. */
export class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** The process that answers this path is down. */
export class Down extends Refused {}

/** The node wants a credential, or another one. */
export class SignIn extends Refused {}

/** The secret of this tab, or nothing. */
export function token() {
  return sessionStorage.getItem(KEY) ?? "";
}

/** Keep a secret for this tab; nothing forgets it. */
export function keep(secret) {
  if (secret && SECRET.test(secret)) sessionStorage.setItem(KEY, secret);
  else sessionStorage.removeItem(KEY);
}

/** Take the secret out of an address `#token=…`, and the address out of the history. */
export function takeToken() {
  const found = /^#token=(.*)$/.exec(location.hash);
  if (!found) return;
  keep(found[1]);
  history.replaceState(null, "", "/#/");
}

function headers() {
  return token() ? { Authorization: `Bearer ${token()}` } : {};
}

async function asked(path, options, patience = PATIENCE) {
  const signal = AbortSignal.timeout(patience);
  let answer;
  try {
    answer = await fetch(path, { ...options, signal, credentials: "omit", cache: "no-store" });
  } catch {
    throw new Down(0, signal.aborted ? "no answer in time" : "the node does not answer");
  }
  if (answer.headers.has("WWW-Authenticate")) {
    throw new SignIn(answer.status, "the node asks for a token");
  }
  return answer;
}

/** Network, scope and processes of this node, and its clock: the visitor's may be off. */
export async function node() {
  const answer = await asked("/node.json", { headers: headers() });
  if (!answer.ok) throw new Down(answer.status, (await answer.text()).trim());
  const clock = Date.parse(answer.headers.get("Date") ?? "");
  return { ...readJson(await answer.text()), now: (clock || Date.now()) / 1000 };
}

/** Where a chain's methods are asked; a path is itself. */
export function pathOf(chain) {
  if (chain.startsWith("/")) return chain;
  return chain === "main" ? "/" : `/sidechain/${encodeURIComponent(chain)}`;
}

/** Results of `[method, ...params]` rows in their order; a refused one is its error. */
export async function batch(chain, rows, patience = PATIENCE) {
  if (!rows.length) return [];
  const body = rows.map(([method, ...params], id) => ({ jsonrpc: "2.0", id, method, params }));
  const answer = await asked(pathOf(chain), {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers() },
    body: JSON.stringify(body),
  }, patience);
  const text = await answer.text();
  if (answer.status === 503) throw new Down(503, `no process answers for ${chain} now`);
  if (!answer.ok) throw new Refused(answer.status, text.trim().slice(0, 300));
  const said = new Map(readJson(text).map((one) => [one.id, one]));
  return rows.map((_, id) => result(said.get(id)));
}

function result(said) {
  if (!said) return new Refused(0, "no answer");
  return said.error ? new Refused(said.error.code, said.error.message) : said.result;
}

/** One result; throws `Refused`. */
export async function call(chain, method, ...params) {
  const [found] = await batch(chain, [[method, ...params]]);
  if (found instanceof Refused) throw found;
  return found;
}

/** One result, or what to say instead where the node refuses it. */
export async function tried(chain, method, ...params) {
  const [found] = await batch(chain, [[method, ...params]]);
  return found instanceof Refused ? null : found;
}
