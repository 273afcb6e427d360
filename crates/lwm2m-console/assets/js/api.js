// Calls to the API, by the session cookie.

const BASE = new URL("api/v1/", document.baseURI);

/** What the server said was wrong (RFC 9457), or that it said nothing. */
export class Problem extends Error {
  constructor({ status = 0, code = "offline", title, detail, hint, field, coap_code: coapCode }) {
    super(detail ?? title ?? "The server cannot be reached");
    Object.assign(this, { status, code, title, hint, field, coapCode });
  }
}

let refused = () => {};

/** What to do when the session is over. */
export function onUnauthorized(handler) {
  refused = handler;
}

/** Makes a call and returns its JSON, or null where the answer is empty. */
export async function call(method, path, body, { signal } = {}) {
  const headers = { accept: "application/json", "x-lwm2m-console": "1" };
  if (body !== undefined) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(new URL(path, BASE), {
      method, headers, signal,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ title: "Offline", detail: "The server cannot be reached", hint: "Is it still running?" });
  }
  const text = await response.text();
  let json = null;
  try {
    json = text ? JSON.parse(text) : null;
  } catch {
    if (response.ok) throw new Problem({ status: response.status, code: "bad_answer", detail: "The answer is not JSON" });
  }
  if (response.ok) return json;
  const problem = new Problem({ detail: `The server answered ${response.status}`, ...json, status: response.status });
  if (response.status === 401 && !(method === "POST" && path === "session")) refused();
  throw problem;
}

export const get = (path, options) => call("GET", path, undefined, options);

/** The address of a device. */
export const deviceUrl = (ep) => `devices/${encodeURIComponent(ep)}`;

/** The address of a node of a device; `path` is such as /3/0/9. */
export const nodeUrl = (ep, path) => `${deviceUrl(ep)}/objects${path}`;

const models = new Map();

/** The definition of an object, or null where there is none. */
export function model(object, version) {
  const key = `${object}/${version ?? ""}`;
  if (!models.has(key)) {
    const query = version ? `?version=${encodeURIComponent(version)}` : "";
    const wanted = get(`models/${object}${query}`).catch((problem) => {
      if (problem.code === "unknown_model") return null;
      models.delete(key);
      throw problem;
    });
    models.set(key, wanted);
  }
  return models.get(key);
}

export const eventsUrl = () => new URL("events", BASE);
