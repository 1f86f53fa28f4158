// Whom this node speaks with.

import { badge, facts, h, section, table } from "../dom.js";
import { bytes, count, short } from "../format.js";
import { when } from "../parts.js";
import { Refused, SignIn, batch, token } from "../rpc.js";

export async function peers({ chain, now }) {
  // An open node tells anybody of its chains, and of its peers' addresses holders of a token only.
  if (!token()) throw new SignIn(0, "peers are told to holders of a token");
  const [info, list] = await batch(chain, [["getnetworkinfo"], ["getpeerinfo"]]);
  for (const one of [info, list]) if (one instanceof Refused) throw one;
  const rows = list.map((one) => [
    h("code", { title: one.nodeid }, short(one.nodeid)), one.addr, one.inbound ? "came to us" : "we went",
    when(one.conntime, now), one.pingtime === null ? "–" : `${count(one.pingtime * 1000, 1)} ms`,
    `${bytes(one.bytessent)} / ${bytes(one.bytesrecv)}`,
    one.validator === undefined || one.validator < 0 ? "–" : badge(`validator ${one.validator}`),
  ]);
  const refused = Object.entries(info.refused ?? {}).map(([why, times]) => `${why} ${times}`).join(", ");
  return {
    title: `Peers on ${chain}`,
    content: [
      section("This node", facts([
        ["Version", info.version],
        ["Node id", h("code", {}, info.nodeid)],
        ["Listens at", info.listening],
        ["Connections", `${info.connections_in} in, ${info.connections_out} out`],
        ["Refused", refused || "none"],
      ])),
      section("Peers", table("Peers", ["Node", "Address", "How", "Since", "Ping", "Sent / received", "Is"], rows)),
    ],
    topics: [[chain, "blocks"]],
  };
}
