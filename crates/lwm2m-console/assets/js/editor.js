// Editors typed by the model: a dialog to write, one to execute, one to create.

import { button, dialog, h, put } from "./dom.js";

let counter = 0;

/** What a form field could not read; it knows which field. */
class Unreadable extends Error {
  constructor(message, input) {
    super(message);
    this.input = input;
  }
}

/**
 * The input for one value: `node`, and `read()`, which gives the value as the API takes it, or undefined when the field
 * is empty and `optional`.
 */
export function valueInput(type, current, { label, help, field = "value", optional = false } = {}) {
  const id = `value-${++counter}`;
  const make = { boolean: flag, time: moment, objlnk: link, opaque: bytes, integer: number, unsigned: number, float: number }[type] ?? text;
  const { inner, read } = make({ id, type, current, field, optional });
  const described = help && h("p", { class: "help", id: `${id}-help` }, help);
  if (described) inner.querySelector?.("input, textarea")?.setAttribute("aria-describedby", `${id}-help`);
  const group = type === "boolean" || type === "objlnk";
  const node = group
    ? h("div", { class: "field", role: "group", "aria-labelledby": `${id}-label` }, h("span", { class: "label", id: `${id}-label` }, label), inner, described)
    : h("div", { class: "field" }, h("label", { for: id }, label), inner, described);
  return { node, read };
}

function text({ id, current, field, optional }) {
  const long = String(current ?? "").length > 60;
  const input = h(long ? "textarea" : "input", { id, value: current ?? "", spellcheck: "false", autocomplete: "off", data: { field } });
  return { inner: h("div", {}, input), read: () => (optional && input.value === "" ? undefined : input.value) };
}

function number({ id, type, current, field, optional }) {
  const input = h("input", { id, value: current ?? "", inputmode: type === "float" ? "decimal" : "numeric", autocomplete: "off", data: { field } });
  const read = () => {
    const typed = input.value.trim();
    if (optional && typed === "") return undefined;
    if (type === "float") {
      if (["NaN", "Infinity", "-Infinity"].includes(typed)) return typed;
      const value = Number(typed.replace(",", "."));
      if (typed === "" || !Number.isFinite(value)) throw new Unreadable("This is not a number", input);
      return value;
    }
    if (!/^-?\d+$/.test(typed)) throw new Unreadable("This is not a whole number", input);
    // JavaScript's numbers are exact up to 2^53; beyond, the digits travel as text.
    return Number.isSafeInteger(Number(typed)) ? Number(typed) : typed;
  };
  return { inner: h("div", {}, input), read };
}

function flag({ id, current, field, optional }) {
  const option = (value, word) => h("label", { class: "choice" },
    h("input", { type: "radio", name: id, value, checked: String(current) === value, data: { field } }), word);
  const inner = h("div", {}, option("true", "True"), option("false", "False"));
  const read = () => {
    const chosen = inner.querySelector("input:checked")?.value;
    if (chosen === undefined && !optional) throw new Unreadable("Choose true or false", inner.querySelector("input"));
    return chosen === undefined ? undefined : chosen === "true";
  };
  return { inner, read };
}

function moment({ id, current, field, optional }) {
  const local = (time) => new Date(time - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
  const known = current !== undefined && current !== null && !Number.isNaN(Date.parse(current));
  const input = h("input", { id, type: "datetime-local", step: "1", value: known ? local(new Date(current)) : "", data: { field } });
  const now = button("Now", { class: "small", onclick: () => { input.value = local(new Date()); } });
  const read = () => {
    if (optional && input.value === "") return undefined;
    const time = new Date(input.value);
    if (Number.isNaN(time.getTime())) throw new Unreadable("Choose a date and a time", input);
    return time.toISOString().replace(/\.\d+Z$/, "Z");
  };
  return { inner: h("div", { class: "values-row two" }, input, now), read };
}

function link({ current, field, optional }) {
  const [object = "", instance = ""] = typeof current === "string" ? current.split(":") : [];
  const part = (name, value) => h("input", { value, inputmode: "numeric", "aria-label": name, placeholder: name, autocomplete: "off", data: { field } });
  const [first, second] = [part("Object id", object), part("Instance id", instance)];
  const read = () => {
    if (optional && first.value === "" && second.value === "") return undefined;
    for (const input of [first, second]) {
      if (!/^\d{1,5}$/.test(input.value.trim())) throw new Unreadable("Both ids are numbers from 0 to 65535", input);
    }
    return `${first.value.trim()}:${second.value.trim()}`;
  };
  return { inner: h("div", { class: "row pair" }, first, second), read };
}

function bytes({ id, current, field, optional }) {
  const input = h("textarea", { id, class: "mono", value: current?.hex ?? "", spellcheck: "false", autocomplete: "off", data: { field } });
  const size = h("span", { class: "help" });
  const digits = () => input.value.replace(/[\s:]/g, "");
  const measure = () => put(size, /^[0-9a-f]*$/i.test(digits()) ? `${Math.ceil(digits().length / 2)} bytes, as hex digits` : "hex digits only");
  input.addEventListener("input", measure);
  measure();
  const read = () => {
    if (optional && digits() === "") return undefined;
    if (!/^([0-9a-f]{2})*$/i.test(digits())) throw new Unreadable("Hex digits in pairs, such as c0ffee", input);
    return { hex: digits().toLowerCase() };
  };
  return { inner: h("div", {}, input, size), read };
}

/** What to know of a resource's values: "Float · 0..100 · Cel". */
export function facts(resource) {
  return [resource.type, resource.range && `range ${resource.range}`, resource.unit].filter(Boolean).join(" · ");
}

/** Asks for a value, or for the values of a multiple resource, and hands the body to `submit`. */
export function writeDialog({ path, resource, current, submit }) {
  const shared = { title: `Write ${resource.name ?? path}`, subtitle: `${path} · ${facts(resource)}`, action: "Write" };
  if (resource.multiple) {
    const editor = valuesInput(resource.type, current?.values ?? {});
    return dialog({ ...shared, body: editor.node, submit: () => submit({ values: editor.read() }) });
  }
  const input = valueInput(resource.type, current?.value, { label: "New value" });
  return dialog({ ...shared, body: input.node, submit: () => submit({ value: input.read() }) });
}

/** Rows of id and value. */
function valuesInput(type, values) {
  const list = h("div", { class: "stack tight" });
  const rows = [];
  const add = (key, current) => {
    const id = h("input", { value: key, inputmode: "numeric", "aria-label": "Instance id", autocomplete: "off", data: { field: `values.${key}` } });
    const input = valueInput(type, current, { label: `Value of ${key}`, field: `values.${key}` });
    input.node.querySelector("label, .label")?.classList.add("visually-hidden");
    const row = { id, input };
    const node = h("div", { class: "values-row" }, id, input.node, button("Remove this value", {
      glyph: "cross",
      square: true,
      onclick: () => {
        rows.splice(rows.indexOf(row), 1);
        node.remove();
        more.focus();
      },
    }));
    rows.push(row);
    list.append(node);
    return id;
  };
  const more = button("Add a value", {
    glyph: "plus",
    class: "small",
    onclick: () => add(String(Math.max(-1, ...rows.map((row) => Number(row.id.value) || 0)) + 1)).focus(),
  });
  Object.entries(values).forEach(([key, value]) => add(key, value));
  if (!rows.length) add("0");
  const read = () => Object.fromEntries(rows.map(({ id, input }) => {
    if (!/^\d{1,5}$/.test(id.value.trim())) throw new Unreadable("An instance id is a number", id);
    return [String(Number(id.value)), input.read()];
  }));
  return { node: h("div", { class: "stack tight" }, list, h("div", {}, more)), read };
}

/** Asks for arguments, and for a last thought. */
export function executeDialog({ ep, path, resource, submit }) {
  const input = valueInput("string", "", { label: "Arguments (optional)", help: "Digits 0 to 9, each with an optional value in quotes: 0='fast',1", field: "args", optional: true });
  return dialog({
    title: `Execute ${resource.name ?? path}`,
    subtitle: `${path} on ${ep}`,
    body: input.node,
    action: "Execute",
    submit: () => {
      const args = input.read();
      return submit(args === undefined ? {} : { args });
    },
  });
}

/** Asks for the resources of a new instance: those that can be written, the mandatory ones first. */
export function createDialog({ object, definition, submit }) {
  const id = valueInput("unsigned", undefined, { label: "Instance id", help: "The device chooses one when this is empty.", field: "id", optional: true });
  const writable = (definition?.resources ?? []).filter((resource) => resource.operations.includes("W"));
  const ordered = [...writable.filter((one) => one.mandatory), ...writable.filter((one) => !one.mandatory)];
  const inputs = ordered.filter((resource) => !resource.multiple).map((resource) => ({
    resource,
    input: valueInput(resource.type, undefined, {
      label: resource.mandatory ? `${resource.name} (needed)` : resource.name,
      help: `/${resource.id} · ${facts(resource)}`,
      field: `resources.${resource.id}`,
      optional: !resource.mandatory,
    }),
  }));
  return dialog({
    title: `New instance of ${definition?.name ?? `object ${object}`}`,
    subtitle: `/${object}`,
    body: [id.node, ...inputs.map(({ input }) => input.node)],
    action: "Create",
    submit: () => {
      const resources = {};
      for (const { resource, input } of inputs) {
        const value = input.read();
        if (value !== undefined && (value !== "" || resource.mandatory)) resources[resource.id] = { value };
      }
      const chosen = id.read();
      return submit(chosen === undefined ? { resources } : { id: chosen, resources });
    },
  });
}
