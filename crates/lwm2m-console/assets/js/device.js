// One device: what it is, its objects, an instance, a live chart, and what was done.

import { call, deviceUrl, get, model, nodeUrl } from "./api.js";
import { ago, announce, button, copyButton, dialog, duration, empty, failure, formatClock, h, icon, put, sentence, toast } from "./dom.js";
import { chart } from "./chart.js";
import { instance, plain } from "./instance.js";
import { status } from "./devices.js";
import { subscribe } from "./live.js";
import { MODES } from "./security.js";

const POINTS = 600;
const LOG = 30;

export function mount(main, to) {
  const [ep] = to.rest;
  const cx = { ep, device: null, values: new Map(), observed: new Map(), complete: new Set() };
  const series = new Map();
  let selected = wanted(to);
  let panel = null;
  let drawn = null;
  let charted = null;
  let gone = null;
  let alive = true;

  const head = h("div");
  const tree = h("nav", { class: "card tree", "aria-label": "Objects of the device" });
  const box = h("section", { class: "card", "aria-label": "Object instance" });
  const chartBox = h("section", { class: "card", "aria-label": "Live chart", hidden: true });
  const logList = h("ul", { class: "log" });
  const logBox = h("section", { class: "card", hidden: true }, h("div", { class: "card-head" }, h("h2", {}, "Activity")), logList);
  const page = h("div", { class: "stack" }, head, h("div", { class: "device-grid" }, tree, h("div", { class: "stack" }, chartBox, box, logBox)));

  document.title = `${ep} · LwM2M console`;
  put(main, h("div", { class: "crumbs" }, h("a", { href: "#/devices" }, "Devices"), "/", h("span", {}, ep)), page);
  // The heading stays the same node, so that it keeps the focus that a new page gives it.
  const state = h("div", { class: "row" });
  const facts = h("dl", { class: "card card-body facts", hidden: true });
  const tools = h("div", { class: "row", hidden: true },
    copyButton(ep, "endpoint name"),
    button("Refresh", { glyph: "reload", onclick: (event) => cx.busy(event.currentTarget, load) }),
    button("Remove", { glyph: "trash", class: "danger", "aria-label": "Remove the registration", onclick: removeDevice }));
  put(head,
    h("div", { class: "page-head" }, h("div", {}, h("h1", { tabindex: "-1" }, ep), state), tools),
    facts);
  put(tree, h("div", { class: "card-body stack" }, [70, 50, 90, 50].map((width) => h("span", { class: `skeleton w${width}` }))));
  put(box, h("div", { class: "card-body stack" }, [50, 90, 70, 90, 70].map((width) => h("span", { class: `skeleton w${width}` }))));

  /** The unit by the definition, else what the instance tells in Sensor Units (5701). */
  cx.unit = (json) => {
    if (json.unit || typeof Object.values(json.values ?? { 0: json.value })[0] !== "number") return json.unit;
    const [, object, id, resource] = json.path.split("/");
    const told = resource === "5700" && cx.values.get(`/${object}/${id}/5701`)?.json.value;
    return typeof told === "string" && told.length < 12 ? told : null;
  };

  // What was read, observed and done ---------------------------------------

  /**
   * Takes values from a node of any level. What was observed has the server's time and joins the chart; what was read
   * has the browser's.
   */
  function learn(json, time, observed = false) {
    if (json.instances) return Object.values(json.instances).forEach((one) => learn(one, time, observed));
    if (json.resources) {
      cx.complete.add(json.path);
      Object.values(json.resources).forEach((one) => learn(one, time, observed));
      return;
    }
    const ids = json.path.split("/").slice(1);
    let [path, node] = [json.path, json];
    if (ids.length === 4) {
      // One instance of a multiple resource: it joins the others.
      path = `/${ids.slice(0, 3).join("/")}`;
      node = { ...json, path, values: { ...cx.values.get(path)?.json.values, [ids[3]]: json.value } };
      delete node.value;
    }
    cx.values.set(path, { json: node, at: time });
    const value = typeof node.value === "boolean" ? Number(node.value) : node.value;
    if (observed && typeof value === "number" && node.type !== "time") point(path, node, value, new Date(time).getTime());
  }

  function point(path, node, value, time) {
    if (!series.has(path)) series.set(path, { name: node.name ?? path, unit: "", points: [] });
    const { points } = series.get(path);
    series.get(path).unit = cx.unit(node) ?? "";
    const last = points.at(-1);
    if (last && last.time === time && last.value === value) return;
    // A device may send older values later.
    const at = points.findLastIndex((point) => point.time <= time);
    points.splice(at + 1, 0, { time, value });
    if (points.length > POINTS) points.shift();
  }

  /** Does something with the device, keeps a record of it, and passes a failure on. */
  async function operate(word, path, act) {
    const begun = performance.now();
    const entry = { time: new Date().toISOString(), word, path };
    try {
      return await act(entry);
    } catch (problem) {
      entry.problem = problem;
      throw problem;
    } finally {
      entry.took = performance.now() - begun;
      log(entry);
    }
  }

  function log({ time, word, path, problem, took, format, quirks = [] }) {
    logBox.hidden = false;
    logList.prepend(h("li", {},
      h("time", { datetime: time }, formatClock(time)),
      problem
        ? h("span", { class: "badge bad" }, icon("alert"), problem.coapCode ?? "Failed")
        : h("span", { class: "badge ok" }, icon("check"), "Done"),
      h("span", { class: "detail" }, `${word} `, h("span", { class: "mono" }, path),
        format && h("span", { class: "muted" }, ` as ${format}`), problem && `: ${problem.message}`),
      h("span", { class: "muted nowrap" }, took < 1000 ? `${Math.round(took)} ms` : `${(took / 1000).toFixed(1)} s`),
      problem?.hint && h("span", { class: "hint" }, sentence(problem.hint)),
      quirks.slice(0, 8).map((quirk) => h("span", { class: "hint" }, `Let pass: ${quirk}`))));
    while (logList.children.length > LOG) logList.lastElementChild.remove();
    announce(problem ? `${word} ${path} failed: ${problem.message}` : `${word} ${path} done`);
  }

  cx.busy = async (node, act) => {
    node.disabled = true;
    node.dataset.busy = "";
    try {
      await act();
    } catch (problem) {
      toast(problem.message, { bad: true, hint: problem.hint });
    } finally {
      node.disabled = false;
      delete node.dataset.busy;
      if (document.activeElement === document.body) node.focus();
    }
  };

  cx.read = (path) => operate("Read", path, async (entry) => {
    const json = await get(nodeUrl(ep, path));
    // How the device said it, and what was let pass.
    Object.assign(entry, { format: json.format, quirks: json.quirks });
    learn(json, new Date().toISOString());
    changed(path);
  });

  cx.write = (path, content) => operate("Write", path, async () => {
    await call("PUT", nodeUrl(ep, path), content);
    toast(`Written: ${path}`);
    // The device may have made something else of it: read what it holds now.
    get(nodeUrl(ep, path)).then((json) => { learn(json, new Date().toISOString()); changed(path); }, () => {});
  });

  cx.execute = (path, content) => operate("Execute", path, async () => {
    await call("POST", `${nodeUrl(ep, path)}:execute`, content);
    toast(`Executed: ${path}`);
  });

  cx.create = (object, content) => operate("Create", `/${object}`, async () => {
    const { path } = await call("POST", nodeUrl(ep, `/${object}`), content);
    toast(path ? `Created: ${path}` : "Created");
    const known = cx.device.objects.find((one) => one.id === object);
    const id = path && Number(path.split("/")[2]);
    if (known && path && !known.instances.includes(id)) known.instances.push(id);
    drawTree();
    if (path) location.hash = `#/devices/${encodeURIComponent(ep)}${path}`;
  });

  cx.remove = (path) => operate("Delete", path, async () => {
    await call("DELETE", nodeUrl(ep, path));
    toast(`Deleted: ${path}`);
    const [object, id] = path.split("/").slice(1).map(Number);
    const known = cx.device.objects.find((one) => one.id === object);
    if (known) known.instances = known.instances.filter((one) => one !== id);
    for (const key of [...cx.values.keys()]) if (key.startsWith(`${path}/`)) cx.values.delete(key);
    cx.complete.delete(path);
    location.hash = `#/devices/${encodeURIComponent(ep)}`;
    drawTree();
  });

  cx.discover = (path) => operate("Discover", path, async () => (await get(`${nodeUrl(ep, path)}:discover`)).items);

  cx.observe = (path) => operate("Observe", path, async () => {
    const item = await call("POST", `${deviceUrl(ep)}/observations`, { path });
    watch(item);
    const leaf = item.last && !item.last.resources ? item.last.path : null;
    if (leaf && series.has(leaf)) charted = leaf;
    changed();
  });

  cx.cancel = (path) => operate("Stop observing", path, async () => {
    await call("DELETE", `${deviceUrl(ep)}/observations?path=${encodeURIComponent(path)}`);
    cx.observed.delete(path);
    changed();
  });

  function removeDevice() {
    dialog({
      title: `Remove ${ep}?`,
      subtitle: "its registration on this server",
      body: h("p", {}, "The device learns it at its next update, and may register again."),
      action: "Remove",
      danger: true,
      submit: () => call("DELETE", deviceUrl(ep)),
    });
  }

  function watch(item) {
    cx.observed.set(item.path, item);
    if (item.last) learn(item.last, item.updated_at ?? new Date().toISOString(), true);
  }

  function changed(path) {
    if (!alive) return;
    // A whole instance may bring new rows.
    const single = path !== undefined && path.split("/").length > 3;
    panel?.refresh(single ? path.split("/").slice(0, 4).join("/") : undefined);
    drawTreeMarks();
    drawChart();
  }

  // Drawing ----------------------------------------------------------------

  function drawHead() {
    const { device } = cx;
    const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
    put(state, gone ? h("span", { class: "badge bad" }, icon("cross"), gone) : status(device));
    facts.hidden = tools.hidden = false;
    put(facts,
      fact("Address", h("span", { class: "mono" }, device.address)),
      fact("Security", h("a", { href: `#/security?q=${encodeURIComponent(ep)}` }, MODES[device.security] ?? device.security)),
      device.session && fact("Session", device.session.suite, device.session.connection_id && ", with a connection id"),
      fact("LwM2M", device.version),
      fact("Binding", device.binding + (device.queue_mode ? ", queue mode" : "")),
      fact("Lifetime", device.lifetime_s === null ? "unlimited" : duration(device.lifetime_s)),
      fact("Registered", ago(device.registered_at)),
      fact("Last heard", ago(device.updated_at)),
      device.expires_at && fact("Expires", ago(device.expires_at)),
      Object.keys(device.attributes).length > 0 && fact("Told us", Object.entries(device.attributes).map(([key, value]) => (value === true ? key : `${key}=${value}`)).join(", ")),
      device.quirks.length > 0 && fact("Quirks", device.quirks.join("; ")));
  }

  function drawTree() {
    const { objects } = cx.device;
    const link = (object, id) => {
      const path = id === null ? `/${object.id}` : `/${object.id}/${id}`;
      return h("a", { href: `#/devices/${encodeURIComponent(ep)}${path}`, data: { path } },
        id === null ? "No instance yet" : `Instance ${id}`, h("span", { class: "eye", hidden: true }, icon("eye"), h("span", { class: "visually-hidden" }, "observed")));
    };
    put(tree, h("h2", {}, "Objects"), objects.length === 0
      ? h("p", { class: "card-body muted" }, "The device announced no objects.")
      : h("ul", { class: "tree-list" }, objects.map((object) => h("li", { class: "tree-object" },
        h("p", {}, h("span", {}, object.name ?? `Object ${object.id}`), h("span", { class: "id" }, `/${object.id}`)),
        object.instances.length ? object.instances.map((id) => link(object, id)) : link(object, null)))));
    drawTreeMarks();
  }

  function drawTreeMarks() {
    for (const link of tree.querySelectorAll("a[data-path]")) {
      const { path } = link.dataset;
      if (path === panel?.path) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
      const watched = [...cx.observed.keys()].some((one) => one === path || one.startsWith(`${path}/`));
      link.querySelector(".eye").hidden = !watched;
    }
  }

  async function drawPanel() {
    const { objects } = cx.device;
    const object = objects.find((one) => one.id === selected?.object) ?? (selected ? null : favourite(objects));
    if (!object) {
      panel = null;
      put(box, empty("chip", selected ? `The device has no object ${selected.object}` : "No objects", h("p", {}, "Choose one of the objects that it announced.")));
      return;
    }
    const id = selected?.instance ?? object.instances[0] ?? null;
    let definition = null;
    try {
      definition = object.model_version ? await model(object.id, object.model_version) : null;
    } catch (problem) {
      return put(box, failure(problem, drawPanel));
    }
    if (!alive) return;
    panel = instance(box, cx, object, id, definition);
    drawTreeMarks();
  }

  function drawChart() {
    const watched = (path) => [...cx.observed.keys()].some((one) => path === one || path.startsWith(`${one}/`));
    const choices = [...series.keys()].filter(watched);
    chartBox.hidden = choices.length === 0;
    if (chartBox.hidden) return;
    if (!choices.includes(charted)) [charted] = choices;
    const one = series.get(charted);
    if (!drawn) drawn = chartFrame(chartBox, (path) => { charted = path; drawChart(); });
    drawn.show(charted, one, choices.map((path) => ({ path, name: series.get(path).name })));
  }

  // Life -------------------------------------------------------------------

  async function load() {
    try {
      const [device, observations] = await Promise.all([get(deviceUrl(ep)), get(`${deviceUrl(ep)}/observations`)]);
      if (!alive) return;
      cx.device = device;
      gone = null;
      cx.observed.clear();
      observations.items.forEach(watch);
      drawHead();
      drawTree();
      await drawPanel();
      drawChart();
    } catch (problem) {
      if (!alive || cx.device) {
        if (alive) toast(problem.message, { bad: true, hint: problem.hint });
        return;
      }
      const away = problem.code === "unknown_endpoint";
      put(page, head, h("div", { class: "card" }, away
        ? empty("chip", "This device is not registered",
          h("p", {}, "It has not registered, has left, or its registration expired. This page shows it as soon as it comes back."),
          h("a", { class: "button", href: "#/devices" }, "All devices"))
        : failure(problem, load)));
    }
  }

  const unsubscribe = subscribe((type, event) => {
    if (type === "reset") return load();
    if (event.ep !== ep) return;
    if (type === "registration.created" || type === "registration.updated") {
      if (!cx.device) return mountAgain();
      const before = JSON.stringify(cx.device.objects);
      gone = null;
      cx.device = event.data.device ?? cx.device;
      drawHead();
      if (JSON.stringify(cx.device.objects) !== before) {
        drawTree();
        drawPanel();
      }
      if (type === "registration.created") announce("The device registered");
    } else if (type === "registration.removed" && cx.device) {
      const words = { deregistered: "Left", expired: "Expired", replaced: "Replaced", admin: "Removed", revoked: "Lost its credential" };
      if (event.data.reason === "replaced") return;
      gone = `${words[event.data.reason] ?? "Gone"} at ${formatClock(event.time)}`;
      drawHead();
      announce(`The device is gone: ${gone}`);
    } else if (type.startsWith("session.") && cx.device) {
      get(deviceUrl(ep)).then((device) => { cx.device = device; if (alive && !gone) drawHead(); }, () => {});
    } else if (type === "observation.notified" && event.data.problem) {
      announce(`A value of ${event.data.path} cannot be read: ${event.data.problem}`);
      toast(`A value of ${event.data.path} cannot be read`, { bad: true, hint: event.data.problem });
    } else if (type === "observation.notified") {
      learn(event.data, event.data.taken_at ?? event.time, true);
      if (!cx.device) return;
      leaves(event.data).forEach((path) => panel?.refresh(path));
      drawChart();
    } else if (type === "observation.started" || type === "observation.ended") {
      // The server keeps the wish: it may go on when the device registers again.
      get(`${deviceUrl(ep)}/observations`).then(({ items }) => {
        cx.observed.clear();
        items.forEach(watch);
        if (cx.device) changed();
      }, () => {});
    }
  });

  function mountAgain() {
    put(page, head, h("div", { class: "device-grid" }, tree, h("div", { class: "stack" }, chartBox, box, logBox)));
    load();
  }

  load();
  return {
    moved(place) {
      if (place.rest[0] !== ep) return false;
      selected = wanted(place);
      if (cx.device) drawPanel();
      return true;
    },
    unmount() {
      alive = false;
      unsubscribe();
      drawn?.stop();
    },
  };
}

/** The chart's card: the value now, the line, and the last values as a table. */
function chartFrame(box, choose) {
  const now = h("p", { class: "chart-now" });
  const stats = h("p", { class: "chart-stats" });
  const title = h("h2");
  const select = h("select", { "aria-label": "Resource in the chart", onchange: () => choose(select.value) });
  const figure = h("div", { class: "chart" });
  const rows = h("tbody");
  const table = h("details", {}, h("summary", {}, "The last values as a table"),
    h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Time"), h("th", { scope: "col" }, "Value"))), rows));
  put(box,
    h("div", { class: "card-head" }, title, h("div", { class: "search" }, select)),
    h("div", { class: "card-body" }, h("div", { class: "chart-top" }, now, stats), figure, table));
  const drawing = chart(figure);
  const fill = ({ points, unit }) => put(rows, points.slice(-20).reverse().map((point) =>
    h("tr", {}, h("td", {}, formatClock(point.time)), h("td", {}, `${plain(point.value)} ${unit}`))));
  let shown = null;
  table.addEventListener("toggle", () => { if (table.open && shown) fill(shown); });
  return {
    show(path, series, choices) {
      shown = series;
      const values = series.points.map((point) => point.value);
      title.textContent = `${series.name} ${path}`;
      put(now, plain(values.at(-1)), series.unit && h("span", { class: "unit" }, series.unit));
      put(stats, h("span", {}, `lowest ${plain(Math.min(...values))}`), h("span", {}, `highest ${plain(Math.max(...values))}`), h("span", {}, values.length === 1 ? "1 value" : `${values.length} values`));
      const keys = choices.map((one) => one.path).join();
      if (select.dataset.keys !== keys) {
        put(select, choices.map((one) => h("option", { value: one.path }, `${one.name} ${one.path}`)));
        select.dataset.keys = keys;
      }
      select.value = path;
      select.parentElement.hidden = choices.length < 2;
      drawing.show(series);
      if (table.open) fill(series);
    },
    stop: () => drawing.stop(),
  };
}

/** The resources in a node, by path. */
function leaves(json) {
  const below = json.instances ?? json.resources;
  if (below) return Object.values(below).flatMap(leaves);
  return [json.path.split("/").slice(0, 4).join("/")];
}

function wanted(to) {
  const [object, instanceId] = to.rest.slice(1).map(Number);
  if (!Number.isInteger(object)) return null;
  return { object, instance: Number.isInteger(instanceId) ? instanceId : undefined };
}

/** What a visitor wants to see first: a sensor, else the Device object, else anything. */
function favourite(objects) {
  return objects.find((object) => object.id >= 3200 && object.id < 3500 && object.instances.length)
    ?? objects.find((object) => object.id === 3)
    ?? objects[0]
    ?? null;
}
