// What is shown where there is nothing to show: no credential, no answer, no such page.

import { h, section } from "../dom.js";
import { Down, keep } from "../rpc.js";

/** The form that asks for a token; `refused`: the node did not take the one we have. */
export function signIn(done, refused) {
  const submit = (event) => {
    event.preventDefault();
    keep(new FormData(event.target).get("token").trim());
    done();
  };
  const forget = () => {
    keep("");
    done();
  };
  const form = h("form", { class: "signin", submit },
    h("label", { for: "token" }, "Token of this node"),
    h("input", { id: "token", name: "token", type: "password", required: true, autocomplete: "off" }),
    h("button", {}, "Open"));
  return {
    title: "This node asks who you are",
    content: section("Token",
      refused ? h("p", { class: "notice", role: "alert" }, "The node does not take this token: it is another node's, mistyped, or",
        " was replaced. ", h("button", { type: "button", click: forget }, "Forget it")) : null, form,
      h("p", { class: "quiet" }, "The command ", h("code", {}, "bystack dashboard"),
        " prints an address that brings the token along; the file ",
        h("code", {}, "tokens/dashboard"), " in the node's home holds it. It may look and nothing",
        " else, stays in this tab, and is forgotten when the tab is closed.")),
  };
}

/** An error as a sentence. */
export function failed(error, route) {
  const down = error instanceof Down;
  const where = route.chain ? `The chain ${route.chain}` : "The node";
  return {
    title: down ? `${where} does not answer` : "This could not be shown",
    content: h("section", { class: "dead", role: "alert" },
      h("p", {}, h("span", { class: "badge bad" }, down ? "down" : "refused"), ` ${error.message}`),
      h("p", { class: "quiet" }, "Asked again every few seconds. Other chains of this node go on.")),
    topics: [],
  };
}

/** An address that means nothing. */
export function unknown() {
  const back = h("a", { href: "#/" }, "overview");
  return { title: "There is no such page", content: h("p", {}, "Go back to the ", back, ".") };
}
