// Starts the page, shows the view that the address names, and shows it anew when the node tells.

import { h, patch } from "./dom.js";
import { Live } from "./live.js";
import { link, pages, parse } from "./routes.js";
import { meet } from "./assets.js";
import { Refused, SignIn, node, takeToken, token } from "./rpc.js";
import { failed, signIn, unknown } from "./views/trouble.js";
import { VIEWS } from "./views/index.js";

const PAUSE = 700, ANEW = 15000, SOON = 600;
const TITLES = { tx: "transactions", pegin: "pegs", pegout: "pegs", certificate: "modules" };
const content = document.getElementById("content");
let shown = 0, running = 0, due = Infinity, timer = 0, last = "";

const live = new Live(heard, (text) => {
  const place = document.getElementById("live");
  place.textContent = text;
  place.classList.toggle("on", text === "live");
});

function heard() {
  later(PAUSE);
}

/** Show anew after so many milliseconds, or sooner if that was asked for already. */
function later(pause) {
  const at = Date.now() + pause;
  if (at >= due) return;
  clearTimeout(timer);
  due = at;
  timer = setTimeout(again, pause);
}

/** One refresh at a time: a page that takes longer than a block would never be seen else. */
function again() {
  due = Infinity;
  if (running) later(PAUSE);
  else show(false);
}

/** Show the page of the address; `fresh`: somebody went there, so the focus goes along. */
async function show(fresh) {
  const turn = ++shown, route = { ...parse(location.hash), address: location.hash };
  const slow = fresh && setTimeout(() => turn === shown && draw(asking(route), route, true), SOON);
  let view;
  running += 1;
  try {
    view = await made(route);
  } finally {
    running -= 1;
    clearTimeout(slow);
  }
  if (turn === shown) draw(view, route, fresh);
  later(ANEW);
}

/** What is shown of a page that does not come at once, rather than the one before it. */
function asking({ chain }) {
  const text = `Asking ${chain || "the node"}…`;
  return { title: text, content: h("p", { class: "quiet", role: "status" }, "Waiting for its answer."), asking: true };
}

async function made(route) {
  try {
    const facts = await node();
    const context = { ...route, node: facts, now: facts.now, go };
    chrome(context);
    await meet(sidesOf(facts));
    const view = await (VIEWS[route.page] ?? unknown)(context);
    if (route.address === location.hash) live.follow(view.topics ?? []);
    return view;
  } catch (error) {
    if (error instanceof SignIn) return signIn(() => show(true), token() !== "");
    if (!(error instanceof Refused)) console.error(error);
    return failed(error, route);
  }
}

function draw(view, route, fresh) {
  const main = h("main", { id: "content", tabindex: "-1", "aria-busy": view.asking ? "true" : null,
    "data-page": view.asking ? "asking" : route.page, "data-address": view.asking ? null : route.address },
    h("h1", {}, view.title), view.content);
  document.title = `${view.title} – Bystack`;
  patch(content, main);
  if (fresh && last && last !== location.hash) {
    content.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  last = location.hash;
}

function sidesOf(facts) {
  return facts.processes.filter((one) => one.role === "sidechain").map((one) => one.name);
}

/** The menus: chains, and the pages of the one that is shown. */
function chrome({ node: facts, chain, page }) {
  const sides = sidesOf(facts);
  const item = (href, text, current) =>
    h("li", {}, h("a", { href, "aria-current": current ? "page" : null }, text));
  const chains = [
    item("#/", "Overview", page === "overview"),
    ...["main", ...sides].map((one) => item(link(one), one, chain === one)),
  ];
  menu("chains", chains);
  const section = TITLES[page] ?? `${page}s`;
  const rows = chain ? pages(chain) : [];
  menu("sections", rows.map((one) =>
    item(link(chain, one), one[0].toUpperCase() + one.slice(1), one === page || one === section)));
}

function menu(id, items) {
  const old = document.getElementById(id);
  const label = old.getAttribute("aria-label");
  patch(old, h("nav", { id, "aria-label": label }, items.length ? h("ul", {}, items) : null));
}

function go(address) {
  if (location.hash === address) show(true);
  else location.hash = address;
}

document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const { chain } = parse(location.hash);
  const text = new FormData(event.target).get("query").trim();
  if (text) go(link(chain || "main", "search", text));
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  content.focus();
});
addEventListener("hashchange", () => {
  takeToken();
  show(true);
});
takeToken();
show(true);
