// Making elements. Text is always set as text: nothing a device says can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: h("p", { class: "muted", onclick: f, hidden: false }, "text", child, …). */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value") node.value = value;
    else if (name === "data") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Replaces what is in a node. */
export function put(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const ICONS = {
  alert: "M12 8v5m0 3.2v.1M10.3 3.9 2.6 17.2A2 2 0 0 0 4.3 20h15.4a2 2 0 0 0 1.7-2.8L13.7 3.9a2 2 0 0 0-3.4 0Z",
  auto: "M12 3a9 9 0 1 0 0 18Zm0 0a9 9 0 0 1 0 18",
  book: "M4 5.5A2.5 2.5 0 0 1 6.5 3H20v15H6.5A2.5 2.5 0 0 0 4 20.5Zm0 15A2.5 2.5 0 0 0 6.5 22H20v-4M9 8h6",
  check: "m5 12.5 4.5 4.5L19 7.5",
  chip: "M7 7h10v10H7Zm3-4v4m4-4v4m-4 10v4m4-4v4M3 10h4m-4 4h4m10-4h4m-4 4h4",
  clock: "M12 7v5l3.5 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z",
  copy: "M9 9h11v11H9ZM5 15H4V4h11v1",
  cross: "m6 6 12 12M18 6 6 18",
  exit: "M10 4H5v16h5M14 8l4 4-4 4m4-4H9",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Zm9.5 3a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  key: "M14.5 4a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11Zm-4 9.4L4 20v-3m2.5.5 2 2",
  links: "M6 3v12m0 0a3 3 0 1 0 0 6 3 3 0 0 0 0-6Zm12-6a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm0 0c0 5-4 6-9 6",
  lock: "M6 11h12v9H6Zm2 0V8a4 4 0 0 1 8 0v3",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5Z",
  pencil: "M4 20h4L19.5 8.5a2.8 2.8 0 0 0-4-4L4 16Zm10-14 4 4",
  play: "M7 4.5v15l12-7.5Z",
  plus: "M12 5v14M5 12h14",
  read: "M12 4v11m0 0 4.5-4.5M12 15l-4.5-4.5M4 19.5h16",
  reload: "M20 11a8 8 0 1 0-.6 4M20 4v7h-7",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm5 11.5L20.5 20.5",
  server: "M4 4h16v7H4Zm0 9h16v7H4Zm4-5.5v.1m0 8.9v.1",
  sleep: "M5 6h7l-7 8h7m3-2h5l-5 6h5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8Zm0-6v2m0 16v2M2 12h2m16 0h2M5 5l1.4 1.4m11.2 11.2L19 19M5 19l1.4-1.4M17.6 6.4 19 5",
  trash: "M4 7h16M9 7V4h6v3m3 0-1 13H7L6 7m4 4v5m4-5v5",
  unlocked: "M6 11h12v9H6Zm2 0V8a4 4 0 0 1 7.6-1.7",
};

/** A drawing beside words; it says nothing by itself. */
export function icon(name) {
  return s("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, s("path", { d: ICONS[name] }));
}

/** A button. With `square`, the label is for screen readers and the tooltip. */
export function button(label, { glyph, square, ...props } = {}) {
  const classes = ["button", props.class, square && "square quiet"].filter(Boolean).join(" ");
  const named = square ? { title: label, "aria-label": label } : {};
  return h("button", { type: "button", ...props, ...named, class: classes }, glyph && icon(glyph), !square && label);
}

/** Status by icon and word. */
export function badge(kind, word, glyph) {
  return h("span", { class: `badge ${kind}` }, glyph && icon(glyph), word);
}

/** With `secret`, what was copied is not told. */
export function copyButton(text, what, { secret = false } = {}) {
  return button(`Copy ${what}`, {
    glyph: "copy",
    square: true,
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(text);
        announce(`${what} copied`);
        toast(secret ? `Copied: ${what}` : `Copied: ${text}`);
      } catch {
        toast("The browser did not allow copying", { bad: true });
      }
    },
  });
}

/** Tells a screen reader. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** The server's sentences begin small. */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** A note that goes away: after a while, or by its button when it is bad news. */
export function toast(text, { bad = false, hint } = {}) {
  const box = document.getElementById("toasts");
  const node = h("div", { class: bad ? "toast bad" : "toast", role: bad ? "alert" : "status" },
    icon(bad ? "alert" : "check"),
    h("div", {}, h("p", {}, sentence(text)), hint && h("p", {}, sentence(hint))),
    button("Dismiss", { glyph: "cross", square: true, class: "small", onclick: () => node.remove() }));
  box.append(node);
  while (box.children.length > 4) box.firstElementChild.remove();
  setTimeout(() => node.remove(), bad ? 12000 : 3500);
}

/** What went wrong, with a way to try again. */
export function failure(problem, again) {
  return h("div", { class: "empty failure", role: "alert" },
    icon("alert"),
    h("h2", {}, problem.title ?? "Something went wrong"),
    h("p", {}, sentence(problem.message)),
    problem.hint && h("p", { class: "small" }, sentence(problem.hint)),
    again && button("Try again", { glyph: "reload", onclick: again }));
}

export function empty(glyph, title, ...children) {
  return h("div", { class: "empty" }, icon(glyph), h("h2", {}, title), ...children);
}

export function command(text, { what = "command", secret = false } = {}) {
  return h("div", { class: "command" }, h("code", { tabindex: "0" }, text), copyButton(text, what, { secret }));
}

/** Rows that stand for rows to come. */
export function skeletonRows(rows, columns) {
  const widths = ["w70", "w50", "w90", "w30"];
  return Array.from({ length: rows }, (_, row) =>
    h("tr", { "aria-hidden": "true" }, Array.from({ length: columns }, (_, column) =>
      h("td", {}, h("span", { class: `skeleton ${widths[(row + column) % widths.length]}` })))));
}

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const formatExact = (time) => exact.format(new Date(time));
export const formatClock = (time) => clock.format(new Date(time));

/** A relative time that stays true, the exact one in its tooltip. */
export function ago(time) {
  if (!time) return h("span", { class: "muted" }, "never");
  const node = h("time", { datetime: time, title: formatExact(time), data: { ago: "" } });
  node.textContent = relative(time);
  return node;
}

function relative(time) {
  const seconds = Math.round((Date.now() - new Date(time)) / 1000);
  const [past, future] = [(text) => `${text} ago`, (text) => `in ${text}`];
  const say = seconds >= 0 ? past : future;
  if (Math.abs(seconds) < 5) return "just now";
  return say(duration(Math.abs(seconds)));
}

/** 90 → "1 min", 7200 → "2 h". */
export function duration(seconds) {
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= size * (unit === "min" ? 1.5 : 1)) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${seconds} s`;
}

setInterval(() => {
  for (const node of document.querySelectorAll("time[data-ago]")) {
    const text = relative(node.dateTime);
    if (node.textContent !== text) node.textContent = text;
  }
}, 1000);

/**
 * A modal form. `submit` may throw a problem, which is shown and keeps the dialog open. The browser gives the focus
 * back to where it was. Without `dismiss` there is one way to close it by a button.
 */
export function dialog({ title, subtitle, body, action, danger = false, dismiss = true, submit }) {
  const error = h("p", { class: "field-error", role: "alert", hidden: true });
  const confirm = h("button", { class: danger ? "button primary danger" : "button primary", type: "submit" }, action);
  const cancel = button("Cancel", { onclick: () => node.close() });
  const id = `dialog-${Math.random().toString(36).slice(2)}`;
  const form = h("form", { method: "dialog", novalidate: true },
    h("div", { class: "dialog-head" }, h("h2", { id }, title), subtitle && h("p", {}, subtitle)),
    h("div", { class: "dialog-body" }, body, error),
    h("div", { class: "dialog-foot" }, dismiss && cancel, confirm));
  const node = h("dialog", { "aria-labelledby": id, onclose: () => node.remove() }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    confirm.disabled = true;
    error.hidden = true;
    try {
      await submit();
      node.close();
    } catch (problem) {
      error.hidden = false;
      put(error, icon("alert"), h("span", {}, [problem.message, problem.hint].filter(Boolean).map(sentence).join(". ")));
      const fields = [...form.querySelectorAll("[data-field]")];
      for (const field of fields) field.removeAttribute("aria-invalid");
      const wrong = fields.find((field) => problem.field && problem.field.startsWith(field.dataset.field)) ?? problem.input;
      wrong?.setAttribute("aria-invalid", "true");
      wrong?.focus();
    } finally {
      confirm.disabled = false;
    }
  });
  document.body.append(node);
  node.showModal();
  return node;
}
