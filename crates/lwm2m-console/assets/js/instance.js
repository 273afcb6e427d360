// One object instance: its resources with their values, and what can be done with each.

import { button, copyButton, dialog, formatExact, h, icon, put, ago, badge } from "./dom.js";
import { createDialog, executeDialog, facts, writeDialog } from "./editor.js";

/**
 * Shows an instance into `box`. `cx` is the device: its values, what it observes, and `read`, `write`, … on it.
 * Gives back `refresh(path)` for one resource that changed, or for all.
 */
export function instance(box, cx, object, id, definition) {
  const path = id === null ? `/${object.id}` : `/${object.id}/${id}`;
  const name = definition?.name ?? object.name ?? `Object ${object.id}`;
  const rows = new Map();
  let everything = false;

  const readAll = button("Read all", { glyph: "read", class: "small primary", onclick: (event) => cx.busy(event.currentTarget, () => cx.read(path)) });
  const observeAll = observeButton(cx, path, { label: "Observe", size: "small" });
  const several = definition ? definition.multiple : true;
  const body = h("div");

  put(box,
    h("div", { class: "card-head" },
      h("div", {},
        h("h2", {}, name),
        h("p", { class: "muted small row" },
          h("span", { class: "mono" }, path),
          copyButton(path, "path"),
          `version ${object.version}`,
          object.model_version && object.model_version !== object.version && badge("warn", `shown by definition ${object.model_version}`, "alert"),
          !definition && badge("warn", "no definition known", "alert"))),
      h("div", { class: "row" },
        id !== null && readAll,
        id !== null && observeAll.node,
        button("Discover", { glyph: "links", class: "small", onclick: (event) => cx.busy(event.currentTarget, discover) }),
        several && button("New instance", { glyph: "plus", class: "small", onclick: create }),
        several && id !== null && button("Delete", { glyph: "trash", class: "small danger", "aria-label": `Delete instance ${path}`, onclick: remove }))),
    body);
  draw();

  function known() {
    const byId = new Map((definition?.resources ?? []).map((resource) => [resource.id, resource]));
    for (const at of cx.values.keys()) {
      const [, owner, instanceId, resourceId] = at.split("/");
      if (`/${owner}/${instanceId}` !== path) continue;
      const number = Number(resourceId);
      const { json } = cx.values.get(at);
      byId.get(number) ?? byId.set(number, {
        id: number, name: null, operations: "RW", unknown: true,
        type: json.type, multiple: Boolean(json.values), unit: json.unit,
      });
    }
    return [...byId.values()].sort((one, other) => one.id - other.id);
  }

  function draw() {
    rows.clear();
    if (id === null) {
      put(body, h("div", { class: "empty" }, icon("chip"), h("h2", {}, "No instance yet"),
        h("p", {}, "The device announced this object without instances."), several && button("New instance", { glyph: "plus", class: "primary", onclick: create })));
      return;
    }
    const resources = known();
    const complete = cx.complete.has(path);
    const absent = (resource) => complete && resource.operations.includes("R") && !cx.values.has(`${path}/${resource.id}`);
    const hidden = resources.filter(absent);
    const shown = everything ? resources : resources.filter((resource) => !absent(resource));
    put(body,
      shown.length === 0
        ? h("div", { class: "empty" }, icon("read"), h("h2", {}, "Not read yet"), h("p", {}, "No definition tells what is in here. Read it to see."))
        : h("div", { class: "table-wrap" }, h("table", { class: "cards resources" },
          h("caption", { class: "visually-hidden" }, `Resources of ${name} ${path}`),
          h("thead", {}, h("tr", {}, ["Resource", "Value", "Actions"].map((word, index) =>
            h("th", { scope: "col" }, index === 2 ? h("span", { class: "visually-hidden" }, word) : word)))),
          h("tbody", {}, shown.map(rowOf)))),
      hidden.length > 0 && h("div", { class: "card-body" }, button(
        everything ? "Hide what the device does not have" : `Show ${hidden.length} more that the definition has and the device did not report`,
        { class: "small quiet wrap", onclick: () => { everything = !everything; draw(); } })));
  }

  function rowOf(resource) {
    const at = `${path}/${resource.id}`;
    const value = h("td", { class: "value-cell" });
    const can = (letter) => resource.operations.includes(letter);
    const watch = can("R") ? observeButton(cx, at, { square: true, what: resource.name ?? at }) : null;
    const tools = [
      can("R") && button(`Read ${resource.name ?? at}`, { glyph: "read", square: true, onclick: (event) => cx.busy(event.currentTarget, () => cx.read(at)) }),
      watch?.node,
      can("W") && button(`Write ${resource.name ?? at}`, { glyph: "pencil", square: true, onclick: () => write(at, resource) }),
      can("E") && button("Execute", { glyph: "play", class: "small", "aria-label": `Execute ${resource.name ?? at}`, onclick: () => execute(at, resource) }),
    ];
    rows.set(at, { value, watch, resource });
    const node = h("tr", {},
      h("td", { class: "resource-name wide" },
        h("b", {}, resource.name ?? `Resource ${resource.id}`),
        h("span", {}, h("span", { class: "mono" }, at), ` · ${facts({ ...resource, unit: null, type: resource.type === "none" ? "executable" : resource.type })}`),
        resource.unknown && [" ", badge("warn", "not in the definition", "alert")]),
      value,
      h("td", { class: "actions" }, h("div", { class: "row" }, tools)));
    paint(at);
    return node;
  }

  function paint(at) {
    const { value, resource, watch } = rows.get(at);
    watch?.show();
    const known = cx.values.get(at);
    if (!known) {
      const missing = cx.complete.has(path) ? "not reported" : "not read yet";
      const words = resource.operations.includes("R") ? missing : "";
      put(value, words && h("span", { class: "muted" }, words));
      return;
    }
    put(value, shown(cx, known.json), h("span", { class: "value-age" }, ago(known.at)));
  }

  function write(at, resource) {
    writeDialog({ path: at, resource, current: cx.values.get(at)?.json, submit: (content) => cx.write(at, content) });
  }

  function execute(at, resource) {
    executeDialog({ ep: cx.ep, path: at, resource, submit: (content) => cx.execute(at, content) });
  }

  function create() {
    createDialog({ object: object.id, definition, submit: (content) => cx.create(object.id, content) });
  }

  function remove() {
    dialog({
      title: `Delete ${name} ${path}?`,
      subtitle: `on ${cx.ep}`,
      body: h("p", {}, "The device forgets this instance and its values."),
      action: "Delete",
      danger: true,
      submit: () => cx.remove(path),
    });
  }

  async function discover() {
    const links = await cx.discover(path);
    dialog({
      title: `What ${path} has`,
      subtitle: "as the device tells it (Discover)",
      body: h("div", { class: "table-wrap" }, h("table", {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Path"), h("th", { scope: "col" }, "Attributes"))),
        h("tbody", {}, links.map((link) => h("tr", {},
          h("td", { class: "mono" }, link.target),
          h("td", { class: "mono" }, Object.entries(link.attributes).map(([key, value]) => (value === true ? key : `${key}=${value}`)).join("  "))))))),
      action: "Close",
      submit: async () => {},
    });
  }

  return {
    path,
    refresh(at) {
      observeAll.show();
      if (at === undefined || (at.startsWith(`${path}/`) && !rows.has(at))) return draw();
      if (!rows.has(at)) return;
      paint(at);
      const { value } = rows.get(at);
      value.classList.remove("pulse");
      void value.offsetWidth;
      value.classList.add("pulse");
    },
  };
}

/** Starts and ends an observation; pressed while it lasts. */
function observeButton(cx, path, { square = false, label, what, size }) {
  const node = button(label ?? `Observe ${what}`, {
    glyph: "eye",
    square,
    class: size,
    "aria-pressed": "false",
    onclick: () => cx.busy(node, () => (cx.observed.has(path) ? cx.cancel(path) : cx.observe(path))),
  });
  const show = () => {
    const on = cx.observed.has(path);
    node.setAttribute("aria-pressed", String(on));
    const waits = cx.observed.get(path)?.state === "waiting" && cx.observed.get(path).reason;
    put(node, icon(waits ? "clock" : "eye"), !square && label);
    if (square) node.title = on ? `Stop observing ${what}` : `Observe ${what}`;
    if (waits) node.title = `The device does not report now (${waits}); it is asked again when it registers`;
    else if (!square) node.removeAttribute("title");
  };
  show();
  return { node, show };
}

/** A value, or several, as a reader wants them. */
function shown(cx, json) {
  if (json.values) {
    const entries = Object.entries(json.values);
    if (!entries.length) return h("span", { class: "muted" }, "no values");
    return h("div", { class: "value" }, h("ol", {}, entries.map(([key, value]) =>
      h("li", {}, h("span", { class: "id" }, key), one(cx, value, json.type, cx.unit(json))))));
  }
  return h("div", { class: json.type === "opaque" ? "value mono" : "value" }, one(cx, json.value, json.type, cx.unit(json)));
}

function one(cx, value, type, unit) {
  if (type === "boolean") return badge(value ? "ok" : "", value ? "True" : "False", value ? "check" : "cross");
  if (type === "time" && typeof value === "string") return h("time", { datetime: value, title: value }, formatExact(value));
  if (type === "opaque") {
    const hex = value?.hex ?? "";
    return h("span", { title: hex }, hex.length > 64 ? `${hex.slice(0, 64)}…` : hex, h("span", { class: "unit" }, `${hex.length / 2} bytes`));
  }
  if (type === "objlnk" && value !== "65535:65535") {
    const [object, instanceId] = value.split(":");
    return h("a", { href: `#/devices/${encodeURIComponent(cx.ep)}/${object}/${instanceId}` }, value);
  }
  if (value === "") return h("span", { class: "muted" }, "(empty)");
  return h("span", { title: typeof value === "number" ? String(value) : undefined }, plain(value), unit && h("span", { class: "unit" }, unit));
}

/** 21.399999618530273 is a 32-bit 21.4; the tooltip has the digits. */
export function plain(value) {
  return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(7))) : String(value);
}
