// What the pages' modules without a browser compute, checked by `node`: see test_logic.py.

import assert from "node:assert/strict";
import { test } from "node:test";
import { level, policyText } from "./page/bucket.js";
import { BTM, ago, amount, count, counted, duration, readJson, rough, short, textOf } from "./page/format.js";
import { peginHint, peginLine, pegins, pegoutLine, pegouts } from "./page/pegline.js";
import { guesses, link, parse } from "./page/routes.js";
import { scaled, spacing, throughput } from "./page/scaling.js";

const ID = "ab".repeat(32);
const moods = (steps) => steps.map((one) => one.mood).join("|");

test("addresses of pages go there and back, and what means nothing is unknown", () => {
  for (const [chain, page, argument] of [["main", "block", "7"], ["trade", "pegout", ID], ["main", "search", "a/b %"]]) {
    assert.deepEqual(parse(link(chain, page, argument)), { page, chain, argument });
  }
  assert.equal(parse("").page, "overview");
  assert.equal(parse("#/trade").page, "blocks");
  assert.equal(parse("#/main/validators").page, "unknown");
  for (const bad of ["#/../x", "#/main/nothing", "#/main/block/1/2", "#/%", "#/<b>"]) {
    assert.equal(parse(bad).page, "unknown", bad);
  }
});

test("a search tries what the text can be", () => {
  assert.deepEqual(guesses(" 12 "), [["block", "12"]]);
  assert.deepEqual(guesses(ID.toUpperCase()).map(([page]) => page), ["block", "tx", "asset", "vault", "pegout", "pegin", "certificate"]);
  assert.deepEqual(guesses(`${ID}:1`), [["pegin", `${ID}:1`]]);
  assert.equal(guesses("rm1p0dpaa55k3y8uaufw84mgs8dvsxgulhtmkg29s58afqgj4z9xsc9qhn6zjd")[0][0], "address");
  assert.deepEqual(guesses("1\u202f234"), [["block", "1234"]]);
  for (const nothing of ["<script>", "1 23", "12 345 6789"]) assert.deepEqual(guesses(nothing), []);
});

test("amounts keep every digit", () => {
  assert.equal(amount("214748364700000001", 8), "2\u202f147\u202f483\u202f647.00000001");
  assert.equal(amount(-5, 2), "\u22120.05");
  assert.equal(amount(100, 2), "1");
  assert.equal(count(1234567), "1\u202f234\u202f567");
  assert.equal(count(null), "–");
  assert.equal(rough(1234, "H/s"), "1.23 kH/s");
  assert.equal(rough(0.0000204, "BTM"), "20.4 µBTM");
  assert.equal(rough(0.25, "s"), "250 ms");
  assert.equal(rough(0.5, "H/s"), "0.500 H/s");
  assert.equal(counted(1, "confirmation"), "1 confirmation");
  assert.equal(counted(2000, "coin"), "2\u202f000 coins");
  assert.equal(short(BTM), "ffffffff…ffffff");
  assert.equal(ago(100, 100.5), "just now");
  assert.equal(duration(3600 * 5), "5 h");
  assert.equal(textOf("68c3a9"), "hé");
  assert.equal(textOf("ff"), null);
  assert.equal(readJson('{"a":12,"b":1.5}').a, 12);
});

test("a bucket refills in whole periods up to its capacity", () => {
  const limit = { capacity: 100, refill: 10, period: 5 };
  assert.equal(level({ level: 0, counted: 10 }, limit, 14), 0n);
  assert.equal(level({ level: 0, counted: 10 }, limit, 20), 20n);
  assert.equal(level({ level: 95, counted: 10 }, limit, 20), 100n);
  assert.equal(level({ level: 5, counted: 10 }, limit, 3), 5n);
});

test("policies are told with the names of their keys", () => {
  const keys = [1, 2, 3].map((one) => ({ kind: "Key", key: String(one).repeat(64) }));
  const names = new Map([[keys[0].key, "member Ada"]]);
  const policy = { kind: "All", subs: [{ kind: "Bls", key: "f".repeat(96) }, { kind: "Thresh", k: 2, subs: keys }] };
  assert.equal(policyText(policy, names),
    "all of (the federation's joint key ffffffff…, 2 of (member Ada, key 22222222…, key 33333333…))");
});

test("a peg-in goes its way", () => {
  assert.equal(moods(peginLine({ state: "waiting" })), "done|now||");
  assert.equal(moods(peginLine({ state: "claimable" })), "done|done|now|");
  assert.equal(moods(peginLine({ state: "claimed" })), "done|done|done|done");
  assert.equal(moods(peginLine({ state: "sent" })), "now|||");
  assert.equal(peginHint({ state: "waiting", waits_for: "3 more main-chain blocks" }), "3 more main-chain blocks");
  for (const state of ["sent", "claimable", "orphaned", "unclaimable", "stray", "returning"]) assert.ok(peginHint({ state }));
  for (const state of ["claimed", "returned", "donation"]) assert.equal(peginHint({ state }), "");
  assert.equal(moods(peginLine({ state: "orphaned" })), "done|now amiss||");
  assert.equal(moods(peginLine({ state: "returned" })), "done|done|done|done");
});

test("a peg-out goes its way", () => {
  const line = (state, wait) => moods(pegoutLine({ state, wait }));
  assert.equal(line("requested", "batch"), "done|now||||");
  assert.equal(line("batched", "signatures"), "done|done|now|||");
  assert.equal(line("batched", "headers"), "done|done|done|done|now|");
  assert.equal(line("pending", "delay"), "done|done|done|done|now|");
  assert.equal(line("settled", "nothing"), "done|done|done|done|done|done");
  assert.equal(line("vetoed", "batch"), "done|now amiss||||");
  assert.equal(line("batched", "frozen"), "done|done|now amiss|||");
  assert.equal(line("refunded", ""), "done|done");
});

test("pegs are put together from both chains' events", () => {
  const main = [
    { event: "deposit", vault: "v", txid: "t", vout: 0, asset: "BTM", units: 5, height: 9 },
    { event: "deposit", vault: "other", txid: "u", vout: 0, asset: "BTM", units: 5, height: 9 },
    { event: "vault", operation: "touch", txid: "w", height: 9 },
  ];
  const claim = { event: "claimed", outpoint: { transaction: "t", index: 0 }, asset: BTM, amount: 5, height: 3 };
  assert.deepEqual(pegins(main, [], "v").map((one) => [one.key, one.claimed]), [["t:0", null]]);
  assert.deepEqual(pegins(main, [claim], "v").map((one) => [one.key, one.claimed]), [["t:0", 3]]);
  assert.deepEqual(pegins([], [claim], "v").map((one) => [one.key, one.height]), [["t:0", null]]);
  const side = [
    { event: "pegout", id: "a", asset: BTM, payout: 4, height: 5 },
    { event: "pegout", id: "b", asset: BTM, payout: 4, height: 6 },
    { event: "pegout_state", id: "a", state: "batched", height: 7 },
    { event: "pegout_state", id: "a", state: "settled", height: 9 },
  ];
  assert.deepEqual(pegouts(side).map((one) => [one.id, one.state]), [["b", "requested"], ["a", "settled"]]);
});

test("charts lie in their box", () => {
  const blocks = [0, 2, 6, 7, 9, 10, 14].map((time, height) => ({ height, time, nTx: 3 }));
  assert.deepEqual(spacing(blocks).map((one) => one.y), [2, 4, 1, 2, 1, 4]);
  assert.deepEqual(throughput(blocks, 5).map((one) => one.y), [1.5, 1.25]);
  const { places, most, mean } = scaled([{ y: 0 }, { y: 4 }], { left: 10, right: 20, top: 0, bottom: 100 });
  assert.deepEqual(places, [[10, 100], [20, 0]]);
  assert.deepEqual([most, mean], [4, 2]);
  assert.deepEqual(throughput(Array.from({ length: 7 }, (_, height) => ({ height, time: 5, nTx: 1 }))).map((one) => one.y), [5, 5]);
});
