// The server: where devices and tools reach it, and what it counts.

import { eventsUrl, get } from "./api.js";
import { ago, badge, command, copyButton, duration, failure, formatExact, h, put } from "./dom.js";
import { MODES } from "./security.js";

const EVERY = 3000;

export function mount(main) {
  let timer = null;
  let alive = true;
  const since = h("p");
  const content = h("div", { class: "stack" }, h("div", { class: "tiles" }, Array.from({ length: 4 }, () => h("div", { class: "card tile" }, h("span", { class: "skeleton w50" })))));

  document.title = "Server · LwM2M console";
  put(main, h("div", { class: "page-head" }, h("div", {}, h("h1", { tabindex: "-1" }, "Server"), since)), content);

  let tiles = null;

  async function load() {
    try {
      const server = await get("server");
      if (!alive) return;
      content.classList.remove("stale");
      put(since, `Version ${server.version}, started `, ago(server.started_at));
      if (!tiles) frame(server);
      for (const [name, value] of Object.entries(figures(server))) {
        if (!tiles.has(name)) continue;
        const node = tiles.get(name);
        if (node.textContent !== value) node.textContent = value;
      }
    } catch (problem) {
      if (!alive) return;
      if (tiles) {
        content.classList.add("stale");
        since.textContent = `${problem.message}. These figures are old.`;
      } else {
        put(content, h("div", { class: "card" }, failure(problem, load)));
      }
    }
    clearTimeout(timer);
    if (alive) timer = setTimeout(load, EVERY);
  }

  function frame(server) {
    tiles = new Map();
    const tile = (name, help) => {
      const number = h("b");
      tiles.set(name, number);
      return h("div", { class: "card tile", title: help }, number, h("span", {}, words(name)));
    };
    const address = eventsUrl();
    put(content,
      h("section", { class: "card", "aria-labelledby": "roles" },
        h("div", { class: "card-head" }, h("h2", { id: "roles" }, "Addresses")),
        h("div", { class: "table-wrap" }, h("table", { class: "cards" },
          h("thead", {}, h("tr", {}, ["For", "Address", ""].map((name) => h("th", { scope: "col" }, name)))),
          h("tbody", {},
            server.endpoints.map((url) => role("Devices", url)),
            role("This page", document.baseURI.replace(/#.*/, "")),
            role("API", new URL("api/v1", document.baseURI).href),
            role("Events", address.href),
            role("Metrics", new URL("metrics", document.baseURI).href),
            role("API description", new URL("openapi.json", document.baseURI).href))))),
      security(server.security),
      h("section", { "aria-labelledby": "figures" },
        h("div", { class: "page-head" }, h("h2", { id: "figures" }, "Figures")),
        h("div", { class: "tiles" }, Object.keys(figures(server)).map((name) => tile(name, server.help[name])))),
      h("section", { class: "card", "aria-labelledby": "tools-head" },
        h("div", { class: "card-head" }, h("h2", { id: "tools-head" }, "From a shell")),
        h("div", { class: "card-body stack" },
          h("p", { class: "muted" }, "Set LWM2M_ADMIN_TOKEN to the token that you logged in with."),
          command(`curl -H "Authorization: Bearer $LWM2M_ADMIN_TOKEN" ${new URL("api/v1/devices", document.baseURI).href}`),
          command(`curl -N -H "Authorization: Bearer $LWM2M_ADMIN_TOKEN" ${address.href}`),
          server.endpoints.filter((url) => url.startsWith("coap://")).slice(0, 1).map((url) => command(`lwm2m-client --server ${url} --endpoint my-first-device`)))));
  }

  function role(name, url) {
    return h("tr", {},
      h("td", { class: "nowrap" }, name),
      h("td", { class: "mono wide" }, url),
      h("td", { class: "actions" }, h("div", { class: "row" }, copyButton(url, "address"))));
  }

  load();
  return {
    unmount() {
      alive = false;
      clearTimeout(timer);
    },
  };
}

/** Which modes are offered, and what the server proves to devices: nothing here is secret. */
function security({ modes, nosec, connection_id: connectionId, public_key: key, certificates, trusted }) {
  const who = { open: "every device without credentials", known: "only devices that a record lets in so", off: "nobody" };
  const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  const forms = key && [["Hex", key.hex], ["Base64", key.base64], ["x", key.x], ["y", key.y], ["PEM", key.pem]].filter(([, text]) => text);
  return h("section", { class: "card", "aria-labelledby": "security" },
    h("div", { class: "card-head" }, h("h2", { id: "security" }, "Security")),
    h("div", { class: "card-body stack" },
      h("ul", { class: "modes" }, modes.map(({ mode, offered, reason }) => h("li", {},
        offered ? badge(mode === "nosec" ? "plain" : "ok", "On", mode === "nosec" ? "unlocked" : "lock") : badge("plain", "Off", "cross"),
        h("b", {}, MODES[mode]), reason && h("span", { class: "muted" }, reason)))),
      h("dl", { class: "facts" },
        fact("Without security", who[nosec] ?? nosec),
        fact("Connection ids", connectionId === null ? "off" : `${connectionId} bytes`),
        fact("Trusted authorities", String(trusted))),
      certificates.map((one, at) => h("div", { class: "stack tight" },
        h("h3", {}, at === 0 ? "Certificate" : "Issued by"),
        h("dl", { class: "facts" },
          fact("Names", one.names.join(", ") || "none"),
          fact("Issuer", one.issuer),
          fact("Valid from", formatExact(one.not_before)),
          fact("Valid to", formatExact(one.not_after), new Date(one.not_after) < Date.now() && " (expired)"),
          fact("SHA-256", h("span", { class: "mono" }, one.fingerprint))),
        h("div", {}, copyButton(one.pem, "certificate as PEM")))),
      key && h("h3", {}, `Public key (${key.curve})`),
      forms?.map(([label, text]) => h("div", { class: "field" }, h("span", { class: "label" }, label), command(text, { what: `public key as ${label}` })))));
}

/** Every figure as text, by name. */
function figures(server) {
  const numbers = { ...server.counters, object_definitions: server.models, page_logins: server.console.sessions, event_streams: server.console.streams };
  const text = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, value.toLocaleString()]));
  return { ...text, uptime: duration(server.uptime_s) };
}

function words(name) {
  const text = name.replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
}
