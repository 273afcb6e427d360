// A line chart of one value over time, drawn by hand in SVG.

import { announce, formatClock, h, put, s } from "./dom.js";

const HEIGHT = 220;
const LEFT = 46;
const BOTTOM = 24;
const TOP = 10;

/** Draws into `box` until stopped. */
export function chart(box) {
  let series = { name: "", unit: "", points: [] };
  let picked = null;
  let due = null;

  const svg = s("svg", { role: "img", tabindex: "0" });
  const tip = h("div", { class: "chart-tip", hidden: true });
  put(box, svg, tip);

  const later = () => { due ??= requestAnimationFrame(() => { due = null; draw(); }); };
  const resized = new ResizeObserver(later);
  resized.observe(box);

  svg.addEventListener("pointermove", (event) => pick(nearest(event.offsetX)));
  svg.addEventListener("pointerleave", () => pick(null));
  svg.addEventListener("blur", () => pick(null));
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !series.points.length) return;
    event.preventDefault();
    const last = series.points.length - 1;
    pick(Math.max(0, Math.min(last, (picked ?? last + (step < 0 ? 1 : 0)) + step)));
    const point = series.points[picked];
    announce(`${formatClock(point.time)}: ${point.value} ${series.unit}`);
  });

  function pick(index) {
    if (index === picked) return;
    picked = index;
    later();
  }

  function scales() {
    const { points } = series;
    const width = Math.max(160, box.clientWidth);
    const first = points[0].time;
    const span = Math.max(1000, points.at(-1).time - first);
    const values = points.map((point) => point.value);
    const { low, high, ticks } = nice(Math.min(...values), Math.max(...values));
    return {
      width, ticks,
      x: (time) => LEFT + ((time - first) / span) * (width - LEFT - 10),
      y: (value) => TOP + ((high - value) / (high - low)) * (HEIGHT - TOP - BOTTOM),
    };
  }

  function nearest(offset) {
    if (!series.points.length) return null;
    const { x } = scales();
    let best = 0;
    series.points.forEach((point, index) => {
      if (Math.abs(x(point.time) - offset) < Math.abs(x(series.points[best].time) - offset)) best = index;
    });
    return best;
  }

  function draw() {
    const { points, name, unit } = series;
    if (!points.length) return put(svg);
    const { width, ticks, x, y } = scales();
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const last = points.at(-1);
    const values = points.map((point) => point.value);
    svg.setAttribute("aria-label", `${name}: ${points.length} values, lowest ${Math.min(...values)}, highest ${Math.max(...values)}, last ${last.value} ${unit}. Arrow keys go through the values.`);
    const line = points.map((point, index) => `${index ? "L" : "M"}${x(point.time).toFixed(1)} ${y(point.value).toFixed(1)}`).join("");
    const floor = HEIGHT - BOTTOM;
    const times = points.length > 1 ? [points[0].time, last.time] : [last.time];
    const at = picked === null ? null : points[Math.min(picked, points.length - 1)];
    put(svg,
      ticks.map((tick) => [
        s("line", { class: "grid", x1: LEFT, x2: width, y1: y(tick), y2: y(tick) }),
        s("text", { class: "axis", x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, short(tick)),
      ]),
      times.map((time, index) => s("text", { class: "axis", x: x(time), y: HEIGHT - 5, "text-anchor": index ? "end" : "start" }, formatClock(time))),
      points.length > 1 && s("path", { class: "area", d: `${line}L${x(last.time).toFixed(1)} ${floor}L${x(points[0].time).toFixed(1)} ${floor}Z` }),
      s("path", { class: "line", d: line }),
      at && s("line", { class: "cross", x1: x(at.time), x2: x(at.time), y1: TOP, y2: floor }),
      s("circle", { class: "last", cx: x((at ?? last).time), cy: y((at ?? last).value), r: 5 }));
    tip.hidden = !at;
    if (at) {
      tip.textContent = `${at.value}${unit ? ` ${unit}` : ""} at ${formatClock(at.time)}`;
      const middle = x(at.time) > width / 2;
      tip.style.left = middle ? "auto" : `${x(at.time) + 10}px`;
      tip.style.right = middle ? `${width - x(at.time) + 10}px` : "auto";
    }
  }

  return {
    show(next) {
      if (next.name !== series.name) picked = null;
      series = next;
      later();
    },
    stop() {
      resized.disconnect();
      cancelAnimationFrame(due);
    },
  };
}

/** Round bounds around a range of values, and the ticks between them. */
export function nice(low, high) {
  if (low === high) {
    const margin = Math.abs(low) > 0 ? Math.abs(low) * 0.1 : 1;
    low -= margin;
    high += margin;
  }
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? rough;
  const first = Math.floor(low / step) * step;
  const ticks = [];
  for (let tick = first; tick < high + step && ticks.length < 12; tick += step) ticks.push(Number(tick.toPrecision(10)));
  return { low: ticks[0], high: ticks.at(-1), ticks };
}

function short(number) {
  return Math.abs(number) >= 10000 ? number.toExponential(1) : String(number);
}
