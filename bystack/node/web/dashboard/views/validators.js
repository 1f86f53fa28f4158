// A sidechain's validators: weights, votes in the last certificates, gateways, the leader now.

import { badge, facts, h, meter, section, table } from "../dom.js";
import { count, short } from "../format.js";
import { heights } from "../parts.js";
import { Refused, batch } from "../rpc.js";

const LOOKED_AT = 50;

export async function validators({ chain }) {
  const [list, epoch, info, guilty, parameters, queries] = await batch(chain, [
    ["getvalidators"], ["getepoch"], ["getsidechaininfo"], ["listevidence"], ["getparameters"], ["listqueries"]]);
  for (const one of [list, epoch, info]) if (one instanceof Refused) throw one;
  const commits = await batch(chain, heights(info.blocks, LOOKED_AT)
    .filter((height) => height > 0).map((height) => ["getcommit", height]));
  const final = commits.filter((one) => !(one instanceof Refused) && one.epoch === epoch.epoch);
  const votes = (index) => final.filter((one) => one.signers.includes(index)).length;
  const rows = list.map((one) => [
    count(one.index), h("code", { title: one.key }, short(one.key)), count(one.weight), marks(one, epoch),
    h("div", { class: "level" }, meter(votes(one.index), final.length,
      `votes of validator ${one.index}`), h("span", {}, `${votes(one.index)} of ${final.length}`)),
  ]);
  const staking = !(queries instanceof Refused) && "stake" in queries ? await elected(chain) : null;
  return {
    title: `Validators of ${chain}`,
    content: [
      section("Epoch", facts([
        ["Epoch", `${epoch.epoch}, heights ${count(epoch.first)} to ${count(epoch.last)}`],
        ["Weight", `${epoch.weight}, of which ${epoch.quorum} decide`],
        ["Election", epoch.election],
        ["Engine", info.engine],
        ["Next height", `${count(epoch.height)}, view ${epoch.view}`],
        ["Leader now", epoch.leader === undefined ? null : `validator ${epoch.leader}`],
        ["Block interval", parameters instanceof Refused ? null : `${parameters.current.interval} ms`],
      ])),
      section("Set", table("Validators", ["No.", "Key", "Weight", "Marks",
        `Votes in the last ${final.length} blocks`], rows)),
      staking,
      section("Misconduct", guilty instanceof Refused || !guilty.length ? h("p", { class: "quiet" }, "None proved.")
        : guilty.map((one) => h("pre", {}, JSON.stringify(one, null, 2)))),
    ],
    topics: [[chain, "blocks"]],
  };
}

function marks(one, epoch) {
  const found = [
    (epoch.gateways ?? []).includes(one.index) && badge("gateway"),
    epoch.leader === one.index && badge("leads", "good"),
    one.self && badge("this node"),
    one.tombstoned && badge("expelled", "bad"),
    !one.self && !one.connected && badge("not connected", "warn"),
  ].filter(Boolean);
  return found.length ? found.flatMap((mark) => [mark, " "]) : "–";
}

function standing(one) {
  if (one.tombstoned) return badge("expelled", "bad");
  if (one.electable) return badge("electable", "good");
  return one.jailed_until ? badge(`jailed until epoch ${one.jailed_until}`, "warn") : badge("not electable", "warn");
}

/** Where validators are elected by stake: who stands, with how many votes. */
async function elected(chain) {
  const [candidates, staking] = await batch(chain, [["getcandidates"], ["getstaking"]]);
  if (candidates instanceof Refused) return null;
  const shown = candidates.map((one) => [one.rank ? count(one.rank) : "–", h("code", { title: one.key }, short(one.key)),
    count(one.stake, 8), count(one.ballots), `${one.commission_bp / 100} %`, standing(one)]);
  return section("Election",
    table("Candidates", ["Rank", "Candidate", "Votes", "Voters", "Commission", "State"], shown, "Nobody stands."),
    staking instanceof Refused ? null : h("details", {}, h("summary", {}, "Rules of the election"),
      h("pre", {}, JSON.stringify(staking, null, 2))));
}
