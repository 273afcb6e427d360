// The frame: login, navigation, theme; each page is a module that mounts itself.

import { call, get, onUnauthorized } from "./js/api.js";
import { button, failure, h, icon, put, toast } from "./js/dom.js";
import * as live from "./js/live.js";
import { login } from "./js/login.js";
import { mount as devices } from "./js/devices.js";
import { mount as device } from "./js/device.js";
import { mount as objects } from "./js/objects.js";
import { mount as security } from "./js/security.js";
import { mount as server } from "./js/server.js";

const PAGES = [
  { name: "devices", label: "Devices", glyph: "chip" },
  { name: "objects", label: "Objects", glyph: "book" },
  { name: "security", label: "Security", glyph: "lock" },
  { name: "server", label: "Server", glyph: "server" },
];

const shell = document.getElementById("shell");
const gate = document.getElementById("gate");
const main = document.getElementById("main");
let page = null;

/** The place that the hash names: #/devices/<ep>/3303/0?q=… */
function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  let parts;
  try {
    parts = path.split("/").map(decodeURIComponent);
  } catch {
    parts = [];
  }
  const [name, ...rest] = parts;
  return { name: PAGES.some((one) => one.name === name) ? name : "devices", rest, query: new URLSearchParams(query) };
}

function navigate() {
  const to = place();
  const mounts = { devices: to.rest.length ? device : devices, objects, security, server };
  const mount = mounts[to.name];
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.dataset.page === to.name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  // The same page takes another place by itself, keeping its state.
  if (page?.mount === mount && page.moved?.(to)) return;
  page?.unmount?.();
  put(main);
  page = { mount };
  try {
    Object.assign(page, mount(main, to));
  } catch (problem) {
    put(main, failure(problem, navigate));
  }
  window.scrollTo(0, 0);
  // A new page is announced by its heading.
  if (arrived) main.querySelector("h1")?.focus({ preventScroll: true });
  arrived = true;
}
let arrived = false;

function enter() {
  put(gate);
  shell.hidden = false;
  live.start();
  arrived = false;
  navigate();
}

function leave() {
  if (shell.hidden && gate.hasChildNodes()) return;
  live.stop();
  page?.unmount?.();
  page = null;
  put(main);
  shell.hidden = true;
  document.querySelectorAll("dialog").forEach((dialog) => dialog.close());
  document.title = "Log in · LwM2M console";
  login(gate, enter);
}

function themeButton() {
  const next = { auto: "light", light: "dark", dark: "auto" };
  const glyph = { auto: "auto", light: "sun", dark: "moon" };
  const current = () => document.documentElement.dataset.theme ?? "auto";
  const node = button("Theme", { square: true, onclick: () => choose(next[current()]) });
  const show = () => {
    put(node, icon(glyph[current()]));
    node.title = `Theme: ${current()}`;
    node.setAttribute("aria-label", `Theme: ${current()}. Change`);
  };
  const choose = (theme) => {
    if (theme === "auto") {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem("lwm2m-theme");
    } else {
      document.documentElement.dataset.theme = theme;
      localStorage.setItem("lwm2m-theme", theme);
    }
    show();
  };
  show();
  return node;
}

put(document.getElementById("nav"), h("ul", {}, PAGES.map(({ name, label, glyph }) =>
  h("li", {}, h("a", { href: `#/${name}`, data: { page: name } }, icon(glyph), label)))));
put(document.getElementById("tools"), themeButton(), button("Log out", {
  glyph: "exit",
  square: true,
  onclick: () => call("DELETE", "session").then(leave, (problem) => toast(problem.message, { bad: true, hint: problem.hint })),
}));
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, dialog");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = main.querySelector("input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  }
});
window.addEventListener("hashchange", () => { if (!shell.hidden) navigate(); });
onUnauthorized(leave);
get("session").then(enter, (problem) => {
  if (problem.status !== 401) {
    put(gate, h("main", { class: "gate" }, h("div", { class: "card" }, failure(problem, () => location.reload()))));
    return;
  }
  leave();
});
