// The list of devices, kept true by the event stream.

import { get } from "./api.js";
import { ago, badge, button, command, empty, failure, formatClock, h, icon, put, skeletonRows } from "./dom.js";
import { subscribe } from "./live.js";
import { modeBadge } from "./security.js";

const PART = 50;
const MOST = 500;
const COLUMNS = ["Device", "Status", "Address", "Objects", "LwM2M", "Last heard"];

export function mount(main, to) {
  let query = to.query.get("q") ?? "";
  let items = null;
  let next = null;
  let refreshing = null;
  let typing = null;
  let loading = new AbortController();

  const count = h("p", { role: "status" }, "Loading…");
  const input = h("input", { type: "search", id: "device-search", value: query, autocomplete: "off", spellcheck: "false", "aria-label": "Search devices by name" });
  const body = h("div", { class: "card" });
  const refused = h("div", { class: "notice", role: "status", hidden: true });
  const rows = new Map();
  let tbody = null;

  document.title = "Devices · LwM2M console";
  put(main,
    h("div", { class: "page-head" },
      h("div", {}, h("h1", { tabindex: "-1" }, "Devices"), count),
      h("div", { class: "search" }, icon("search"), input, h("kbd", { "aria-hidden": "true" }, "/"))),
    refused,
    body);

  input.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      query = input.value.trim();
      history.replaceState(null, "", query ? `#/devices?q=${encodeURIComponent(query)}` : "#/devices");
      load(PART, true);
    }, 180);
  });

  async function load(limit, fresh = false) {
    loading.abort();
    loading = new AbortController();
    if (fresh) waiting();
    try {
      // As many as were there before, in as many parts as that takes: the list does not shrink under the eyes of its reader.
      const { signal } = loading;
      const all = [];
      let after = null;
      do {
        const part = await get(url(Math.min(MOST, limit - all.length), after), { signal });
        all.push(...part.items);
        after = part.next;
      } while (after && all.length < limit);
      items = all;
      next = after;
      draw();
    } catch (problem) {
      if (problem.name === "AbortError") return;
      // What is on the screen stays, marked as old, when there is something.
      if (items?.length) {
        body.classList.add("stale");
        count.textContent = `${problem.message}. This list is old.`;
      } else {
        count.textContent = "";
        put(body, failure(problem, () => load(PART, true)));
      }
    }
  }

  function url(limit, after) {
    const from = after === null ? "" : `&after=${encodeURIComponent(after)}`;
    return `devices?limit=${limit}${from}&q=${encodeURIComponent(query)}`;
  }

  async function more() {
    const part = await get(url(PART, next));
    items.push(...part.items);
    next = part.next;
    draw();
  }

  function waiting() {
    items = null;
    count.textContent = "Loading…";
    put(body, table(skeletonRows(8, COLUMNS.length)));
  }

  function table(content) {
    tbody = h("tbody", {}, content);
    return h("div", { class: "table-wrap" }, h("table", { class: "cards" },
      h("caption", { class: "visually-hidden" }, "Registered devices"),
      h("thead", {}, h("tr", {}, COLUMNS.map((name) => h("th", { scope: "col" }, name)))),
      tbody));
  }

  function draw() {
    body.classList.remove("stale");
    const number = `${items.length}${next ? "+" : ""}`;
    count.textContent = items.length === 1 && !next ? "1 device" : `${number} devices`;
    if (query) count.textContent += ` with “${query}” in the name`;
    rows.clear();
    if (!items.length) return put(body, query ? nothingFound() : nobodyYet());
    put(body, table(items.map(rowOf)));
    if (next) body.append(h("div", { class: "card-body" }, button("Show more", { onclick: more })));
  }

  function rowOf(device) {
    const row = h("tr", {}, cells(device));
    rows.set(device.ep, row);
    return row;
  }

  function nothingFound() {
    return empty("search", "No device has this name",
      h("p", {}, `None of the registered devices has “${query}” in its endpoint name.`),
      button("Clear the search", { onclick: () => { input.value = query = ""; history.replaceState(null, "", "#/devices"); load(PART, true); input.focus(); } }));
  }

  function nobodyYet() {
    const line = h("div", {}, command("lwm2m-client --endpoint my-first-device"));
    get("server").then((server) => {
      const address = server.endpoints.find((one) => one.startsWith("coap://"));
      if (address) put(line, command(`lwm2m-client --server ${address} --endpoint my-first-device`));
    }, () => {});
    return empty("chip", "No device yet",
      h("p", {}, "Start one, or point a device of yours at this server. It appears here the moment it registers."), line);
  }

  /** Somebody asked to register and may not: the last one stands here, since it is nowhere else. */
  function refusal({ ep, time, data }) {
    refused.hidden = false;
    put(refused, icon("alert"),
      h("p", {}, h("b", {}, ep ?? "A device without a name"), ` at ${data.address} was refused ${formatClock(time)} with ${data.coap_code}: ${data.detail}`),
      button("Dismiss", { glyph: "cross", square: true, class: "small", onclick: () => { refused.hidden = true; } }));
  }

  /** One paint for a burst of events. */
  function refresh() {
    refreshing ??= setTimeout(() => {
      refreshing = null;
      // Who sees all devices sees the new ones too.
      const shown = items?.length ?? 0;
      load(next === null ? shown + PART : Math.max(PART, shown));
    }, 250);
  }

  const unsubscribe = subscribe((type, event) => {
    if (type === "reset") return refresh();
    if (type === "registration.refused") return refusal(event);
    if (!type.startsWith("registration.")) return;
    const row = rows.get(event.ep);
    const device = event.data.device;
    if (type === "registration.removed" || !device || !row) return refresh();
    items = items.map((one) => (one.ep === event.ep ? device : one));
    const focused = row.contains(document.activeElement);
    put(row, cells(device));
    if (focused) row.querySelector("a")?.focus();
    row.classList.remove("fresh");
    void row.offsetWidth;
    row.classList.add("fresh");
  });

  load(PART, true);
  return {
    moved(place) {
      if (place.rest.length) return false;
      query = input.value = place.query.get("q") ?? "";
      load(PART, true);
      return true;
    },
    unmount() {
      unsubscribe();
      loading.abort();
      clearTimeout(refreshing);
      clearTimeout(typing);
    },
  };
}

function cells(device) {
  return [
    h("td", { class: "wide" }, h("a", { class: "link-cell", href: `#/devices/${encodeURIComponent(device.ep)}` }, device.ep)),
    h("td", {}, h("span", { class: "row" }, status(device))),
    h("td", { class: "mono nowrap wide", data: { label: "Address" } }, device.address),
    h("td", { class: "wide chips-cell" }, objectChips(device)),
    h("td", { class: "nowrap", data: { label: "LwM2M" } }, device.version),
    h("td", { class: "nowrap muted", data: { label: "Heard" } }, ago(device.updated_at)),
  ];
}

/** The state of a device in words. */
export function status(device) {
  const late = device.expires_at && new Date(device.expires_at) < Date.now();
  return [
    late ? badge("warn", "Overdue", "clock") : badge("ok", "Registered", "check"),
    modeBadge(device.security, device.session ?? {}),
    device.queue_mode && badge("info", "Sleeps", "sleep"),
    device.quirks.length > 0 && badge("warn", device.quirks.length === 1 ? "1 quirk" : `${device.quirks.length} quirks`, "alert"),
  ];
}

function objectChips(device) {
  const shown = device.objects.filter((object) => object.id > 2).slice(0, 5);
  const rest = device.objects.length - shown.length;
  return h("span", { class: "chips" },
    shown.map((object) => h("span", { class: "chip", title: `/${object.id}` }, object.name ?? `Object ${object.id}`)),
    rest > 0 && h("span", { class: "chip" }, `+${rest}`));
}
