// The event stream: one per page, closed while nobody looks.

import { eventsUrl, get } from "./api.js";

const TYPES = [
  "registration.created", "registration.updated", "registration.removed", "registration.refused",
  "observation.started", "observation.notified", "observation.ended",
  "operation.done", "operation.failed",
  "session.opened", "session.moved", "session.closed", "handshake.failed",
  "credential.set", "credential.removed", "stream.lagged",
];
const HIDDEN_FOR = 30_000;

const listeners = new Set();
let source = null;
let lastId = null;
let state = "connecting";
let lost = false;
let hiding = null;
let retry = null;

/** Calls `handler(type, event)` for each event, and `handler("reset")` when what is shown must be read again. */
export function subscribe(handler) {
  listeners.add(handler);
  return () => listeners.delete(handler);
}

function tell(type, event) {
  for (const listener of [...listeners]) listener(type, event);
}

function become(next) {
  state = next;
  const words = { connecting: "Connecting…", live: "Live", reconnecting: "Reconnecting…", offline: "Offline", paused: "Paused" };
  document.getElementById("live").dataset.state = next;
  document.getElementById("live-text").textContent = words[next];
}

export const isLive = () => state === "live";

export function start() {
  stop();
  open();
}

export function stop() {
  clearTimeout(retry);
  source?.close();
  source = null;
}

function open() {
  const url = eventsUrl();
  if (lastId !== null) url.searchParams.set("since", lastId);
  source = new EventSource(url);
  source.onopen = () => {
    become("live");
    // The server may be another one than before: read again what is shown.
    if (lost) tell("reset");
    lost = false;
  };
  source.onerror = () => {
    lost = true;
    if (source?.readyState === EventSource.CONNECTING) return become("reconnecting");
    stop();
    become("offline");
    lastId = null;
    // A refused stream does not try again by itself: a 401 here leads to the login.
    retry = setTimeout(() => get("session").then(open, () => { retry = setTimeout(open, 3000); }), 2000);
  };
  for (const type of TYPES) {
    source.addEventListener(type, (message) => {
      lastId = message.lastEventId || lastId;
      const event = JSON.parse(message.data);
      if (type === "stream.lagged") tell("reset");
      else tell(type, event);
    });
  }
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) {
    // A hidden page gives its connection back: browsers allow about six to one server.
    hiding = setTimeout(() => { if (source) { stop(); become("paused"); } }, HIDDEN_FOR);
  } else if (state === "paused") {
    open();
  }
});
