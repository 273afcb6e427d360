// The login form: the token is posted once, and a cookie comes back that scripts cannot read.

import { call } from "./api.js";
import { h, icon, put, sentence } from "./dom.js";

/** Shows the form until a login succeeds. */
export function login(gate, done) {
  const error = h("p", { class: "field-error", id: "login-error", role: "alert", hidden: true });
  const token = h("input", {
    id: "token", type: "password", name: "token", autocomplete: "current-password", required: true,
    spellcheck: "false", autocapitalize: "none", "aria-describedby": "token-help login-error",
  });
  const enter = h("button", { class: "button primary", type: "submit" }, "Log in");
  const form = h("form", { class: "card" },
    // Password managers file a password under a name.
    h("input", { type: "text", name: "username", value: "admin", autocomplete: "username", hidden: true }),
    h("div", { class: "brand" }, h("img", { src: "favicon.svg", alt: "", width: 30, height: 30 }), h("span", {}, h("b", {}, "LwM2M"), " console")),
    h("h1", {}, "Log in"),
    h("div", { class: "field" },
      h("label", { for: "token" }, "Admin token"),
      token,
      h("p", { class: "help", id: "token-help" }, "The server prints it once when it starts, unless its operator set one.")),
    error,
    enter);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    enter.disabled = true;
    error.hidden = true;
    try {
      await call("POST", "session", { token: token.value });
      token.value = "";
      done();
    } catch (problem) {
      error.hidden = false;
      put(error, icon("alert"), h("span", {}, [problem.message, problem.hint].filter(Boolean).map(sentence).join(". ")));
      token.setAttribute("aria-invalid", "true");
      token.select();
    } finally {
      enter.disabled = false;
    }
  });
  put(gate, h("main", { class: "gate" }, form));
  token.focus();
}
