// The node's events over one WebSocket, which is dialled again when it is gone.

import { token } from "./rpc.js";

const FIRST = 1000, LONGEST = 30000;

/** Follows topics; `heard(event)` for each event, `changed(text)` when the connection does. */
export class Live {
  constructor(heard, changed) {
    this.heard = heard;
    this.changed = changed;
    this.topics = [];
    this.wait = FIRST;
    this.id = 0;
  }

  /** Follow exactly these `[chain, topic]` from now on. */
  follow(topics) {
    if (JSON.stringify(topics) === JSON.stringify(this.topics) && this.socket) return;
    this.topics = topics;
    this.close();
    this.dial();
  }

  close() {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  dial() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const protocols = token() ? ["bystack", `token.${token()}`] : ["bystack"];
    const socket = new WebSocket(`${scheme}://${location.host}/ws`, protocols);
    this.socket = socket;
    socket.onopen = () => this.opened(socket);
    socket.onmessage = (message) => socket === this.socket && this.told(JSON.parse(message.data));
    socket.onclose = () => socket === this.socket && this.lost();
  }

  opened(socket) {
    this.wait = FIRST;
    this.changed("live");
    for (const [chain, topic] of this.topics) {
      const params = { topic, chain };
      const request = { jsonrpc: "2.0", id: ++this.id, method: "subscribe", params };
      socket.send(JSON.stringify(request));
    }
  }

  told(message) {
    if (message.method === "event" && message.params.event !== "tip") this.heard(message.params);
    // A process that went down takes its stream along: dial again, and the page says what is down.
    if (message.method === "ended") {
      this.heard(message.params);
      this.again(LONGEST / 10);
    }
  }

  lost() {
    this.changed("not connected");
    this.again(this.wait);
    this.wait = Math.min(LONGEST, this.wait * 2);
  }

  again(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.close();
      this.dial();
    }, wait);
  }
}

const TOLD = 2000, PATIENCE = 20000;
const pasts = new Map();

/** The `pegs` events of a chain's last blocks, oldest first; asked again only from where we are. */
export async function past(chain, from) {
  const held = pasts.get(chain) ?? { events: [], next: from };
  pasts.set(chain, held);
  // A reorganisation may have undone the last ones: these are asked for again.
  const next = chain === "main" ? Math.max(from, held.next - 12) : held.next;
  const told = await replay(chain, next);
  held.events = [...held.events.filter((one) => one.height < next), ...told.events].slice(-TOLD);
  held.next = told.next;
  return held.events;
}

function replay(chain, from) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const protocols = token() ? ["bystack", `token.${token()}`] : ["bystack"];
  const socket = new WebSocket(`${scheme}://${location.host}/ws`, protocols);
  const events = [];
  return new Promise((done, fail) => {
    const end = (next) => {
      clearTimeout(limit);
      socket.onclose = null;
      socket.close();
      done({ events, next });
    };
    const limit = setTimeout(() => end(from), PATIENCE);
    socket.onclose = () => fail(new Error("the node closed its stream of events"));
    socket.onopen = () => socket.send(JSON.stringify({
      jsonrpc: "2.0", id: 1, method: "subscribe", params: { topic: "pegs", chain, height: from },
    }));
    socket.onmessage = (message) => {
      const { method, params, error } = JSON.parse(message.data);
      if (error || method === "ended") end(from);
      else if (method === "event" && params.event === "tip") end(params.height + 1);
      else if (method === "event" && params.event !== "disconnected") events.push(params);
    };
  });
}
