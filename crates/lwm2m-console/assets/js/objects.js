// The OMA registry, offline: search, and one object with its resources.

import { get } from "./api.js";
import { badge, button, copyButton, empty, failure, h, icon, put, skeletonRows } from "./dom.js";

const PART = 50;

export function mount(main, to) {
  return to.rest.length ? one(main, to) : search(main, to);
}

function search(main, to) {
  let query = to.query.get("q") ?? "";
  let typing = null;
  let loading = new AbortController();
  const count = h("p", { role: "status" }, "Loading…");
  const input = h("input", { type: "search", id: "object-search", value: query, autocomplete: "off", spellcheck: "false", "aria-label": "Search objects by id, name, URN or resource" });
  const card = h("div", { class: "card" });

  document.title = "Objects · LwM2M console";
  put(main,
    h("div", { class: "page-head" },
      h("div", {}, h("h1", { tabindex: "-1" }, "Objects"), count),
      h("div", { class: "search" }, icon("search"), input, h("kbd", { "aria-hidden": "true" }, "/"))),
    card);

  input.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      query = input.value.trim();
      history.replaceState(null, "", query ? `#/objects?q=${encodeURIComponent(query)}` : "#/objects");
      load();
    }, 150);
  });

  function table(rows) {
    return h("div", { class: "table-wrap" }, h("table", { class: "cards" },
      h("caption", { class: "visually-hidden" }, "Object definitions"),
      h("thead", {}, h("tr", {}, ["Id", "Name", "Versions", "Resources", "URN"].map((name) => h("th", { scope: "col" }, name)))),
      rows));
  }

  async function load() {
    loading.abort();
    loading = new AbortController();
    const { signal } = loading;
    if (!card.hasChildNodes()) put(card, table(h("tbody", {}, skeletonRows(8, 5))));
    try {
      const first = await get(`models?limit=${PART}&q=${encodeURIComponent(query)}`, { signal });
      if (!first.items.length) {
        count.textContent = "No object matches";
        return put(card, empty("search", "Nothing found", h("p", {}, "Try an id such as 3303, a name such as temperature, or a resource such as sensor value.")));
      }
      const rows = h("tbody", {}, first.items.map(row));
      let shown = first.items.length;
      let { next } = first;
      const say = () => { count.textContent = `${shown}${next ? "+" : ""} ${shown === 1 ? "object" : "objects"}${query ? ` for “${query}”` : " in the registry on board"}`; };
      const more = button("Show more", {
        onclick: async () => {
          const part = await get(`models?limit=${PART}&after=${encodeURIComponent(next)}&q=${encodeURIComponent(query)}`, { signal });
          rows.append(...part.items.map(row));
          shown += part.items.length;
          next = part.next;
          foot.hidden = !next;
          say();
        },
      });
      const foot = h("div", { class: "card-body", hidden: !next }, more);
      say();
      put(card, table(rows), foot);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      count.textContent = "";
      put(card, failure(problem, load));
    }
  }

  load();
  return {
    moved(place) {
      if (place.rest.length) return false;
      query = input.value = place.query.get("q") ?? "";
      load();
      return true;
    },
    unmount() {
      loading.abort();
      clearTimeout(typing);
    },
  };
}

function row(object) {
  return h("tr", {},
    h("td", { class: "mono", data: { label: "Id" } }, object.id),
    h("td", { class: "wide" }, h("a", { class: "link-cell", href: `#/objects/${object.id}` }, object.name)),
    h("td", { data: { label: "Versions" } }, object.versions.join(", ")),
    h("td", { data: { label: "Resources" } }, object.resource_count),
    h("td", { class: "wide muted mono" }, h("span", { class: "clip", title: object.urn }, object.urn)));
}

function one(main, to) {
  const id = to.rest[0];
  const version = to.query.get("version");
  const card = h("div", { class: "card" }, h("div", { class: "card-body stack" }, [50, 90, 70, 90].map((width) => h("span", { class: `skeleton w${width}` }))));
  const title = h("h1", { tabindex: "-1" }, `Object ${id}`);
  const head = h("div", { class: "page-head" }, h("div", {}, title));
  const having = h("div");
  let alive = true;

  document.title = `Object ${id} · LwM2M console`;
  put(main, h("div", { class: "crumbs" }, h("a", { href: "#/objects" }, "Objects"), "/", h("span", {}, id)), h("div", { class: "stack" }, head, having, card));

  async function load() {
    try {
      const query = version ? `?version=${encodeURIComponent(version)}` : "";
      const object = await get(`models/${encodeURIComponent(id)}${query}`);
      if (!alive) return;
      draw(object);
    } catch (problem) {
      if (alive) put(card, failure(problem, load));
    }
  }

  function draw(object) {
    document.title = `${object.name} · LwM2M console`;
    title.textContent = object.name;
    const select = h("select", { id: "object-version", onchange: () => { location.hash = `#/objects/${object.id}?version=${select.value}`; } },
      object.versions.map((one) => h("option", { value: one, selected: one === object.version }, one)));
    put(head,
      h("div", {}, title, h("p", { class: "row" },
        h("span", { class: "mono" }, object.urn), copyButton(object.urn, "URN"),
        badge("", object.multiple ? "Several instances" : "One instance"),
        badge("", object.mandatory ? "Mandatory" : "Optional"),
        badge("", `LwM2M ${object.lwm2m_version}`))),
      object.versions.length > 1
        ? h("div", { class: "field" }, h("label", { for: "object-version" }, "Version"), select)
        : badge("", `Version ${object.version}`));
    put(card, h("div", { class: "table-wrap" }, h("table", { class: "cards" },
      h("caption", { class: "visually-hidden" }, `Resources of ${object.name}`),
      h("thead", {}, h("tr", {}, ["Id", "Name", "Operations", "Type", "Range", "Unit", "Instances", "Needed"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, object.resources.map((resource) => h("tr", {},
        h("td", { class: "mono", data: { label: "Id" } }, resource.id),
        h("td", { class: "wide" }, h("b", {}, resource.name)),
        h("td", {}, operations(resource.operations)),
        h("td", {}, resource.type === "none" ? "" : resource.type),
        h("td", { class: "wide" }, resource.range ?? ""),
        h("td", { data: { label: "Unit" } }, resource.unit ?? ""),
        h("td", { data: { label: "Instances" } }, resource.multiple ? "several" : "one"),
        h("td", { data: { label: "Needed" } }, resource.mandatory ? "mandatory" : "optional")))))));
    get("devices?limit=500").then((list) => {
      if (!alive) return;
      const owners = list.items.filter((device) => device.objects.some((one) => one.id === object.id));
      if (!owners.length) return;
      put(having, h("div", { class: "card card-body" }, h("h2", {}, "On these devices"), h("p", { class: "chips" }, owners.slice(0, 40).map((device) =>
        h("a", { class: "chip", href: `#/devices/${encodeURIComponent(device.ep)}/${object.id}` }, device.ep)))));
    }, () => {});
  }

  load();
  return { unmount() { alive = false; } };
}

function operations(letters) {
  const words = { R: "read", W: "write", E: "execute" };
  return letters === "" ? h("span", { class: "muted" }, "bootstrap only") : [...letters].map((letter) => words[letter]).join(", ");
}
