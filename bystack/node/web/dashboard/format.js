// Figures as people read them. Pure.

export const BTM = "f".repeat(64);

/** Base units (number, BigInt or digits) with so many decimals, grouped by thousands. */
export function amount(units, decimals = 0) {
  const value = BigInt(typeof units === "number" ? Math.trunc(units) : units);
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
  const cut = digits.length - decimals;
  const whole = digits.slice(0, cut).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const part = digits.slice(cut).replace(/0+$/, "");
  return `${value < 0n ? "\u2212" : ""}${whole}${part ? `.${part}` : ""}`;
}

/** A plain number with up to so many decimals, grouped by thousands. */
export function count(value, decimals = 0) {
  if (value === null || value === undefined || Number.isNaN(Number(value))) return "–";
  const text = Number(value).toFixed(decimals);
  const [whole, part] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const rest = (part ?? "").replace(/0+$/, "");
  return rest ? `${grouped}.${rest}` : grouped;
}

const SPLIT = new Set(["s", "BTM"]);

/** A number with a prefix: 12.3 k, 4.56 M; of a unit also less than one: 20.2 µBTM. */
export function rough(value, unit = "") {
  const steps = ["", "k", "M", "G", "T", "P", "E", "Z"], small = ["m", "µ", "n"];
  let rest = Math.abs(Number(value)), step = 0, parts = -1;
  while (SPLIT.has(unit) && rest > 0 && rest < 1 && parts < small.length - 1) [rest, parts] = [rest * 1000, parts + 1];
  while (rest >= 1000 && step < steps.length - 1) [rest, step] = [rest / 1000, step + 1];
  const text = rest >= 100 || Number.isInteger(rest) ? rest.toFixed(0) : rest.toPrecision(3);
  return `${value < 0 ? "\u2212" : ""}${text} ${small[parts] ?? steps[step]}${unit}`.trim();
}

/** The ends of a long id. */
export function short(id) {
  const text = String(id);
  return text.length > 20 ? `${text.slice(0, 8)}…${text.slice(-6)}` : text;
}

/** Seconds as people say them. */
export function duration(seconds) {
  const value = Math.max(0, Math.round(Number(seconds)));
  if (value < 90) return `${value} s`;
  if (value < 90 * 60) return `${Math.round(value / 60)} min`;
  if (value < 36 * 3600) return `${Math.round(value / 3600)} h`;
  return `${Math.round(value / 86400)} days`;
}

/** How long ago, by the clock that is given. */
export function ago(time, now) {
  const passed = now - time;
  return passed < -5 ? `in ${duration(-passed)}` : passed < 2 ? "just now" : `${duration(passed)} ago`;
}

/** Unix time as date and time, without a zone's surprise. */
export function moment(time) {
  return `${new Date(time * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** So many of something. */
export function counted(value, name) {
  return `${count(value)} ${name}${Number(value) === 1 ? "" : "s"}`;
}

/** Bytes. */
export function bytes(value) {
  return rough(value, "B");
}

/** Bytes in hex as the text they are, or null where they are none. */
export function textOf(hex) {
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** A name of the program as words: `about_seconds` → "about seconds". */
export function words(name) {
  return String(name).replace(/_/g, " ");
}

/** JSON, with integers beyond 2^53 kept whole where the browser tells their digits. */
export function readJson(text) {
  return JSON.parse(text, (_, value, context) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const source = context?.source;
    return source && /^-?[0-9]+$/.test(source) ? BigInt(source) : value;
  });
}
