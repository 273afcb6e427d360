// What endpoints have to prove: listed, added, changed, removed; a drawn key is shown once. And who failed to prove it.

import { call, deviceUrl, get } from "./api.js";
import { ago, badge, button, command, dialog, empty, failure, formatClock, h, icon, put, sentence, skeletonRows, toast } from "./dom.js";
import { subscribe } from "./live.js";

const PART = 50;
const FAILURES = 20;
const COLUMNS = ["Endpoint", "Mode", "Proves itself by", "Set", ""];
export const MODES = { nosec: "No security", psk: "Pre-shared key", rpk: "Raw public key", x509: "Certificate", locked: "Locked" };

// Kept from the login on, also while another page is shown.
const failures = [];
subscribe((type, event) => {
  if (type !== "handshake.failed") return;
  failures.unshift(event);
  failures.splice(FAILURES);
});

const credentialsUrl = (ep) => `${deviceUrl(ep)}/credentials`;

export function mount(main, to) {
  let query = to.query.get("q") ?? "";
  let items = null;
  let next = null;
  let typing = null;
  let loading = new AbortController();

  const count = h("p", { role: "status" }, "Loading…");
  const input = h("input", { type: "search", id: "security-search", value: query, autocomplete: "off", spellcheck: "false", "aria-label": "Search endpoints by name" });
  const body = h("section", { class: "card", "aria-label": "Security records" });
  const failed = h("section", { class: "card", "aria-labelledby": "failed", hidden: true });

  document.title = "Security · LwM2M console";
  put(main,
    h("div", { class: "page-head" },
      h("div", {}, h("h1", { tabindex: "-1" }, "Security"), count),
      h("div", { class: "row tools" },
        h("div", { class: "search" }, icon("search"), input, h("kbd", { "aria-hidden": "true" }, "/")),
        button("Generate a key", { glyph: "key", onclick: () => generateDialog() }),
        button("Add", { glyph: "plus", class: "primary", "aria-label": "Add credentials", onclick: () => editDialog() }))),
    h("div", { class: "stack" }, failed, body));

  input.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      query = input.value.trim();
      history.replaceState(null, "", query ? `#/security?q=${encodeURIComponent(query)}` : "#/security");
      load(true);
    }, 180);
  });

  async function load(fresh = false) {
    loading.abort();
    loading = new AbortController();
    if (fresh) put(body, table(skeletonRows(4, COLUMNS.length)));
    try {
      const shown = fresh ? PART : Math.min(500, Math.max(PART, items?.length ?? 0));
      const part = await get(url(shown, null), { signal: loading.signal });
      items = part.items;
      next = part.next;
      draw();
    } catch (problem) {
      if (problem.name === "AbortError") return;
      count.textContent = "";
      put(body, failure(problem, () => load(true)));
    }
  }

  function url(limit, after) {
    const from = after === null ? "" : `&after=${encodeURIComponent(after)}`;
    return `security?limit=${limit}${from}&q=${encodeURIComponent(query)}`;
  }

  async function more() {
    const part = await get(url(PART, next));
    items.push(...part.items);
    next = part.next;
    draw();
  }

  function table(rows) {
    return h("div", { class: "table-wrap" }, h("table", { class: "cards" },
      h("caption", { class: "visually-hidden" }, "What endpoints have to prove"),
      h("thead", {}, h("tr", {}, COLUMNS.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, rows)));
  }

  function draw() {
    const number = `${items.length}${next ? "+" : ""}`;
    count.textContent = items.length === 1 && !next ? "1 endpoint" : `${number} endpoints`;
    if (!items.length) {
      return put(body, query
        ? empty("search", "Nothing is recorded under this name", button("Clear the search", { onclick: () => { input.value = query = ""; load(true); input.focus(); } }))
        : empty("key", "No credentials yet",
          h("p", {}, "An endpoint with credentials is known only to who proves to have them. Draw a key for a device, or add what it has already."),
          button("Generate a key", { glyph: "key", onclick: () => generateDialog() })));
    }
    put(body, table(items.map(row)));
    if (next) body.append(h("div", { class: "card-body" }, button("Show more", { onclick: more })));
  }

  function row(one) {
    return h("tr", {},
      h("td", { class: "wide" }, h("a", { class: "link-cell", href: `#/devices/${encodeURIComponent(one.ep)}` }, one.ep)),
      h("td", {}, h("span", { class: "row" }, modeBadge(one.mode), one.warnings.length > 0 && badge("warn", "Warning", "alert"))),
      h("td", { class: "wide" }, proof(one), one.also.map(proof), one.warnings.map((text) => h("p", { class: "small muted" }, sentence(text)))),
      h("td", { class: "nowrap muted", data: { label: "Set" } }, one.set ? ago(one.set) : "unknown"),
      h("td", { class: "actions wide" }, h("div", { class: "row" },
        button(`New key for ${one.ep}`, { glyph: "key", square: true, onclick: () => generateDialog(one) }),
        button(`Edit ${one.ep}`, { glyph: "pencil", square: true, onclick: () => editDialog(one) }),
        button(`Remove the credentials of ${one.ep}`, { glyph: "trash", square: true, onclick: () => removeDialog(one.ep) }))));
  }

  function drawFailures() {
    failed.hidden = failures.length === 0;
    if (failed.hidden) return;
    put(failed,
      h("div", { class: "card-head" }, h("h2", { id: "failed" }, "Failed handshakes"),
        button("Clear", { class: "small", "aria-label": "Clear the failed handshakes", onclick: () => { failures.length = 0; drawFailures(); } })),
      h("ul", { class: "log" }, failures.map(({ time, ep, data }) => h("li", {},
        h("time", { datetime: time }, formatClock(time)),
        h("span", { class: "badge bad" }, icon("alert"), data.reason.replaceAll("_", " ")),
        h("span", { class: "detail" }, ep && h("b", {}, `${ep} `), h("span", { class: "mono" }, data.address), `: ${data.detail}`),
        h("span", { class: "muted nowrap" }, data.untold ? `and ${data.untold} more` : ""),
        data.hint && h("span", { class: "hint" }, sentence(data.hint))))));
  }

  const unsubscribe = subscribe((type) => {
    if (type === "handshake.failed") return drawFailures();
    if (type === "reset" || type.startsWith("credential.")) load();
  });

  drawFailures();
  load(true);
  return {
    moved(place) {
      query = input.value = place.query.get("q") ?? "";
      load(true);
      return true;
    },
    unmount() {
      unsubscribe();
      loading.abort();
      clearTimeout(typing);
    },
  };

  // Dialogs ------------------------------------------------------------------

  /** Sets what an endpoint has to prove; `known` is what it has to prove now. */
  function editDialog(known) {
    const start = known && known.mode !== "locked" ? known.mode : "psk";
    const ep = field("Endpoint name", { field: "ep", value: known?.ep ?? "", readonly: Boolean(known) });
    const fields = {
      psk: [
        field("Identity", { field: "identity", value: known?.identity ?? "", help: "What the device sends as its name; the endpoint name if left empty." }),
        field("Key", { field: "key", type: "password", help: "hex:…, base64:… or text:…; it is not shown again." }),
      ],
      rpk: [area("Public key", { field: "public_key", value: known?.public_key ?? "", help: "PEM, or hex:… or base64:… of the SubjectPublicKeyInfo." })],
      x509: [field("Name in the certificate", { field: "name", value: known?.name ?? "", help: "Common name or alternative name; the endpoint name if left empty. The certificate must come from a trusted authority." })],
      nosec: [],
    };
    const panel = h("div", { class: "stack tight" });
    const choose = (mode) => put(panel, fields[mode].map((one) => one.node),
      mode === "nosec" && h("p", { class: "muted" }, "Anybody who reaches the server can speak for this endpoint."));
    const modes = h("fieldset", { class: "field" }, h("legend", {}, "Mode"),
      Object.keys(fields).map((mode) => h("label", { class: "choice" },
        h("input", { type: "radio", name: "mode", value: mode, checked: mode === start, data: { field: "mode" }, onchange: () => choose(mode) }), MODES[mode])));
    choose(start);
    dialog({
      title: known ? `Credentials of ${known.ep}` : "Add credentials",
      subtitle: known ? "Sessions and registration by the old ones end at once" : undefined,
      body: [ep.node, modes, panel],
      action: "Save",
      submit: async () => {
        const name = wantedName(ep);
        const mode = modes.querySelector("input:checked").value;
        const filled = fields[mode].filter((one) => one.input.value !== "");
        const told = Object.fromEntries(filled.map((one) => [one.input.dataset.field, one.input.value]));
        const set = await call("PUT", credentialsUrl(name), { mode, ...told });
        fields.psk[1].input.value = "";
        toast(`Credentials of ${name} are set`, { hint: set.warnings[0] });
        load();
      },
    });
  }

  /** Lets the server draw a key, and shows it once. */
  function generateDialog(known) {
    const ep = field("Endpoint name", { field: "ep", value: known?.ep ?? "", readonly: Boolean(known) });
    const identity = field("Identity", { field: "identity", value: known?.identity ?? "", help: "What the device sends as its name; the endpoint name if left empty." });
    dialog({
      title: known ? `New key for ${known.ep}` : "Generate a key",
      subtitle: known ? "The old credentials end at once" : "The server draws 128 random bits",
      body: [ep.node, identity.node],
      action: "Generate",
      submit: async () => {
        const name = wantedName(ep);
        const chosen = identity.input.value === "" ? {} : { identity: identity.input.value };
        const drawn = await call("POST", `${credentialsUrl(name)}:generate`, chosen);
        load();
        // Behind the closing of this one.
        setTimeout(() => showKey(drawn), 0);
      },
    });
  }

  function showKey({ ep, identity, key, commands }) {
    const secret = (label, text) => h("div", { class: "field" }, h("span", { class: "label" }, label), command(text, { secret: true, what: label }));
    dialog({
      title: `Key of ${ep}`,
      subtitle: "It is shown now and never again",
      body: [
        secret("Identity", identity), secret("Key", key),
        commands.length > 0 && h("h3", {}, "Ready to paste"),
        commands.map((one) => secret(one.tool, one.command)),
        commands.length === 0 && h("p", { class: "muted" }, "No address of this server speaks DTLS at the moment."),
      ],
      action: "I have kept it",
      dismiss: false,
      submit: () => {},
    });
  }

  function removeDialog(ep) {
    dialog({
      title: `Remove the credentials of ${ep}?`,
      subtitle: "its sessions, its registration and what waits for it end at once",
      body: h("p", {}, "Afterwards nothing is recorded about this endpoint: whether it may come in follows from the server's settings."),
      action: "Remove",
      danger: true,
      submit: async () => {
        await call("DELETE", credentialsUrl(ep));
        load();
      },
    });
  }
}

/** Mode by padlock and word. */
export function modeBadge(mode, { suite, connection_id: connectionId } = {}) {
  const open = mode === "nosec";
  const node = badge(open ? "plain" : "ok", { nosec: "NoSec", psk: "PSK", rpk: "RPK", x509: "X.509", locked: "Locked" }[mode] ?? mode, open ? "unlocked" : "lock");
  node.title = [MODES[mode] ?? mode, suite, connectionId && "with a connection id"].filter(Boolean).join(", ");
  return node;
}

function proof(one) {
  const line = (...content) => h("p", { class: "clip" }, content);
  switch (one.mode) {
    case "psk": return line(h("span", { class: "mono" }, one.identity ?? `hex:${one.identity_hex}`), h("span", { class: "muted" }, `, key of ${one.key_length} bytes`));
    case "rpk": return line(h("span", { class: "mono", title: one.fingerprint }, `SHA-256 ${(one.fingerprint ?? "").slice(0, 16)}…`), h("span", { class: "muted" }, `, ${one.curve ?? "unknown key"}`));
    case "x509": return line(h("span", { class: "mono" }, one.name), h("span", { class: "muted" }, " in a certificate"));
    case "locked": return line(h("span", { class: "muted" }, "nothing gets in"));
    default: return line(h("span", { class: "muted" }, "nothing"));
  }
}

function wantedName({ input }) {
  if (input.value === "") throw Object.assign(new Error("The endpoint name is missing"), { input });
  return input.value;
}

let fieldCount = 0;
function field(label, { field: name, help, ...props }) {
  return labelled(label, help, (id) => h("input", { id, type: "text", spellcheck: "false", autocapitalize: "none", autocomplete: props.type === "password" ? "new-password" : "off", data: { field: name }, "aria-describedby": help && `${id}-help`, ...props }));
}

function area(label, { field: name, help, ...props }) {
  return labelled(label, help, (id) => h("textarea", { id, class: "mono", spellcheck: "false", autocomplete: "off", data: { field: name }, "aria-describedby": help && `${id}-help`, ...props }));
}

function labelled(label, help, make) {
  const id = `credential-${fieldCount += 1}`;
  const input = make(id);
  return { input, node: h("div", { class: "field" }, h("label", { for: id }, label), input, help && h("p", { class: "help", id: `${id}-help` }, help)) };
}
