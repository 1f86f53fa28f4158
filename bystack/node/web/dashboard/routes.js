// Which page an address means: `#/CHAIN/PAGE/ARGUMENT`, `#/` the overview. Pure.

export const PAGES = {
  main: ["blocks", "mempool", "vaults", "assets", "charts", "peers"],
  side: ["blocks", "pegs", "validators", "federation", "modules", "mempool", "assets", "charts", "peers"],
};
const DETAILS = ["block", "tx", "address", "asset", "vault", "pegin", "pegout", "certificate", "search"];
const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** `{page, chain, argument}` of the part behind `#`; page "unknown" for what means nothing. */
export function parse(hash) {
  const parts = decoded(hash.replace(/^#?\/?/, ""));
  if (parts === null) return { page: "unknown", chain: "main", argument: "" };
  const [chain, page, ...rest] = parts;
  if (!chain) return { page: "overview", chain: "", argument: "" };
  const known = NAME.test(chain) && (!page || DETAILS.includes(page) || pages(chain).includes(page));
  if (!known || rest.length > 1) return { page: "unknown", chain: "main", argument: "" };
  return { page: page || "blocks", chain, argument: rest[0] ?? "" };
}

function decoded(text) {
  try {
    return text.split("/").map(decodeURIComponent);
  } catch {
    return null;
  }
}

/** The pages that a chain has in its menu. */
export function pages(chain) {
  return chain === "main" ? PAGES.main : PAGES.side;
}

/** The address of a page. */
export function link(chain, page = "", argument = "") {
  const parts = [chain, page, String(argument)].filter((one) => one !== "");
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

/** What somebody may mean by a text: the pages to try, in order. */
export function guesses(text) {
  const query = text.trim();
  const figures = query.replace(/[\s\u202f,]/g, ""); // a height as a page shows it: 1 234
  if (/^[0-9]{1,3}([\s\u202f,][0-9]{3})+$/.test(query) && figures.length <= 12) return [["block", figures]];
  if (/^[0-9]{1,12}$/.test(query)) return [["block", query]];
  if (/^[0-9a-f]{64}$/i.test(query)) {
    const id = query.toLowerCase();
    return ["block", "tx", "asset", "vault", "pegout", "pegin", "certificate"].map((page) => [page, id]);
  }
  if (/^[0-9a-f]{64}[:/ ][0-9]{1,5}$/i.test(query)) {
    return [["pegin", query.toLowerCase().replace(/[/ ]/, ":")]];
  }
  if (/^[a-z0-9]{1,32}1[02-9ac-hj-np-z]{6,120}$/.test(query.toLowerCase())) {
    return [["address", query.toLowerCase()]];
  }
  return [];
}
