"use strict";
// Texts from the study are set as textContent, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
for (const trial of data.trials) {
  if (!Array.isArray(trial.x)) {
    const { first, gap, n } = trial.x;
    trial.x = Array.from({ length: n }, (_, i) => first + i * gap);
  }
  trial.note ??= trial.snapshots.at(-1).reason;
}
// Many curves as one trace with gaps: browsers draw it much faster than many traces.
for (const trace of data.figures.curves.data) {
  if (trace.mode !== "lines") continue;
  for (const trial of data.trials) {
    if (trial.group !== trace.name) continue;
    trace.x.push(...trial.x.slice(0, trial.n), null);
    trace.y.push(...trial.y.slice(0, trial.n), null);
    trace.customdata.push(...Array(trial.n + 1).fill(trial.number));
  }
}
const element = (id) => document.getElementById(id);
const dark = matchMedia("(prefers-color-scheme: dark)");
const options = { responsive: true, displayModeBar: false, doubleClick: false };
const narrow = matchMedia("(max-width: 40rem)");
const nothing = { x: [], y: [] };
let chosen = -1;
let snapshot = 0;
let whole = false;

function make(name, text, classes) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (classes) made.className = classes;
  return made;
}

function format(value, digits = 5) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  const rounded = Number(value.toPrecision(digits));
  return rounded !== 0 && Math.abs(rounded) < 1e-3 ? rounded.toExponential() : String(rounded);
}

// Replaces the colours that have too little contrast on a dark page.
function themed(figure) {
  let text = JSON.stringify(figure);
  if (dark.matches) for (const [light, other] of Object.entries(data.dark)) text = text.replaceAll(light, other);
  const made = JSON.parse(text);
  made.layout.dragmode = false; // a finger on a figure scrolls the page
  made.layout.hoverlabel = { align: "left", namelength: -1 };
  if (narrow.matches) {
    made.layout.margin = { ...made.layout.margin, r: 6 };
    made.layout.font.size = 12;
  }
  return made;
}

function draw(name, figure) {
  const { data: traces, layout } = themed(figure);
  return Plotly.react(element(`plot-${name}`), traces, layout, options);
}

function lines(trial, now) {
  const n = now ? now.n : trial.n;
  const known = { x: trial.x.slice(0, n), y: trial.y.slice(0, n) };
  let end = known.y.length - 1;
  while (end > 0 && known.y[end] === null) end -= 1;
  const found = {
    low: nothing, high: nothing, median: nothing, incumbent: nothing, curve: known,
    rest: { x: trial.x.slice(n - 1), y: trial.y.slice(n - 1) },
    now: { x: known.x.slice(end, end + 1), y: known.y.slice(end, end + 1) },
  };
  if (now && now.low) {
    const after = now.low.map((_, i) => now.end - (now.low.length - 1 - i) * now.spacing);
    for (const part of ["low", "median", "high"]) found[part] = { x: after, y: now[part] };
  }
  if (now && now.incumbent !== null) found.incumbent = { x: [0, data.horizon], y: [now.incumbent, now.incumbent] };
  return found;
}

// The forecast of a hopeless trial must not hide the values that matter: at most one axis length beyond them.
function clip(figure, found) {
  const { low, high, log } = data.axis;
  const values = Object.values(found).flatMap((line) => line.y).filter((value) => Number.isFinite(value));
  const [from, to] = [low - (high - low), high + (high - low)];
  const axis = figure.layout.yaxis;
  if (log || !values.some((value) => value < from || value > to)) {
    delete axis.range;
    return;
  }
  const inside = values.filter((value) => value >= from && value <= to);
  const ends = [Math.min(low, ...inside), Math.max(high, ...inside)];
  axis.range = [values.some((value) => value < from) ? from : ends[0], values.some((value) => value > to) ? to : ends[1]];
}

function drawTrial() {
  const trial = data.trials[chosen];
  const found = lines(trial, trial.snapshots[snapshot]);
  const figure = data.figures.trial;
  figure.data.forEach((trace, i) => Object.assign(trace, found[data.parts[i]]));
  clip(figure, found);
  draw("trial", figure);
}

function drawCurves() {
  const trial = data.trials[chosen];
  const figure = structuredClone(data.figures.curves);
  figure.data.push({
    type: "scatter", mode: "lines", x: trial.x.slice(0, trial.n), y: trial.y.slice(0, trial.n),
    line: { color: data.ink, width: 3 }, name: `trial ${trial.number}`, hoverinfo: "skip",
  });
  if (whole) {
    delete figure.layout.yaxis.range;
    figure.layout.yaxis.autorange = true;
  }
  draw("curves", figure);
}

function describe(list, pairs) {
  list.replaceChildren(...pairs.map(([name, value]) => {
    const pair = make("div");
    pair.append(make("dt", name), make("dd", format(value)));
    return pair;
  }));
}

function showSnapshot(i) {
  const trial = data.trials[chosen];
  snapshot = i;
  const now = trial.snapshots[i];
  element("reason").textContent = now ? now.reason : trial.note;
  [...element("snapshots").children].forEach((button, j) => button.setAttribute("aria-pressed", String(j === i)));
  const facts = [["Best value", trial.best], [`Last ${data.step}`, trial.last]];
  if (now) {
    facts.push(["Chance", now.chance], ["Needs", now.needs], ["Best so far", now.incumbent], ["Predicted", now.predicted]);
  }
  if (trial.wrong) facts.push(["Wrong stop", trial.wrong]);
  describe(element("facts"), facts);
  drawTrial();
}

function choose(i) {
  chosen = i;
  const trial = data.trials[i];
  element("pick").value = String(i);
  element("previous").disabled = i === 0;
  element("next").disabled = i === data.trials.length - 1;
  element("trial-title").textContent = `Trial ${trial.number}`;
  element("badge").replaceWith(Object.assign(make("span", trial.status, `badge ${trial.kind}`), { id: "badge" }));
  const named = [...(trial.name ? [["name", trial.name]] : []), ...trial.params];
  describe(element("params"), named);
  element("params").parentElement.hidden = named.length === 0;
  element("snapshots").replaceChildren(...trial.snapshots.map((now, j) => {
    const button = make("button", `${data.step} ${format(now.step)}`);
    button.type = "button";
    button.addEventListener("click", () => showSnapshot(j));
    return button;
  }));
  for (const row of element("table").tBodies[0].rows) row.classList.toggle("chosen", row.dataset.i === String(i));
  showSnapshot(trial.snapshots.length - 1);
  drawCurves();
}

function reveal() {
  const box = element("trial").getBoundingClientRect();
  if (box.top < 0 || box.top > innerHeight * 0.6) element("trial").scrollIntoView({ block: "start" });
}

const titles = [...element("table").tHead.rows[0].cells].map((head) => head.textContent);

function matches(trial) {
  const words = element("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [`trial ${trial.number}`, trial.name, trial.status, trial.note, ...trial.params.map((pair) => pair.join("="))];
  const all = text.join(" ").toLowerCase();
  return words.every((word) => all.includes(word));
}

function filterTable() {
  let n = 0;
  for (const row of element("table").tBodies[0].rows) {
    row.hidden = !matches(data.trials[Number(row.dataset.i)]);
    if (!row.hidden) n += 1;
  }
  element("found").textContent = `${n} of ${data.trials.length}`;
}

// The record as a table for other programs. Texts that a spreadsheet would run as a formula get a quote.
function csv() {
  const head = ["trial", "name", "state", "last_step", "best", "probability", "threshold", "wrong", "reason"];
  const field = (value) => {
    if (value === null || value === undefined) return "";
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const rows = data.trials.map((trial) => [
    trial.number, trial.name, trial.status, trial.last, trial.best, trial.p, trial.threshold, trial.wrong, trial.note,
  ]);
  return [head, ...rows].map((row) => row.map(field).join(",")).join("\r\n");
}

const indexOf = new Map(data.trials.map((trial, i) => [trial.number, i]));

function fillTable(key, descending) {
  const order = data.trials.map((_, i) => i);
  const sign = descending ? -1 : 1;
  order.sort((a, b) => {
    const [x, y] = [data.trials[a][key], data.trials[b][key]];
    if (x === y) return a - b;
    if (x === null) return 1;
    if (y === null) return -1;
    return sign * (x < y ? -1 : 1);
  });
  element("table").tBodies[0].replaceChildren(...order.map((i) => {
    const trial = data.trials[i];
    const row = make("tr");
    row.dataset.i = String(i);
    row.classList.toggle("chosen", i === chosen);
    const button = make("button", String(trial.number));
    button.type = "button";
    button.addEventListener("click", () => {
      choose(i);
      reveal();
      element("trial").focus({ preventScroll: true });
    });
    const first = make("td");
    first.append(button);
    const state = make("td");
    state.append(make("span", trial.status, `badge ${trial.kind}`));
    const numbers = [format(trial.last), format(trial.best), format(trial.chance), format(trial.needs)];
    row.append(first, state, ...numbers.map((text) => make("td", text, "number")), make("td", trial.note));
    [...row.cells].forEach((cell, j) => { cell.dataset.title = titles[j]; });
    row.hidden = !matches(trial);
    return row;
  }));
  for (const head of document.querySelectorAll("th")) {
    const mine = head.querySelector("button")?.dataset.key === key;
    if (mine) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
}

function drawAll() {
  for (const name of ["incumbent", "savings", "calibration"]) if (data.figures[name]) draw(name, data.figures[name]);
  drawTrial();
  drawCurves();
}

element("pick").append(...data.trials.map((trial, i) => {
  const option = make("option", `Trial ${trial.number} · ${trial.status} · ${format(trial.best)}`);
  option.value = String(i);
  return option;
}));
element("pick").addEventListener("change", (event) => choose(Number(event.target.value)));
element("previous").addEventListener("click", () => choose(Math.max(0, chosen - 1)));
element("next").addEventListener("click", () => choose(Math.min(data.trials.length - 1, chosen + 1)));
element("zoom").addEventListener("click", () => {
  whole = !whole;
  element("zoom").setAttribute("aria-pressed", String(whole));
  drawCurves();
});
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const up = button.closest("th").getAttribute("aria-sort") === "ascending";
    fillTable(button.dataset.key, up);
  });
}
if (!data.figures.calibration) {
  element("plot-calibration").append(make("p", "Too few trials ran to the end to tell.", "empty"));
}
element("search").addEventListener("input", filterTable);
element("download").addEventListener("click", () => {
  element("download").href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
});
for (const query of [dark, narrow]) query.addEventListener("change", drawAll);

fillTable("number", false);
filterTable();
choose(data.first);
drawAll();
element("plot-curves").on("plotly_click", (event) => {
  const i = indexOf.get(event.points[0].customdata);
  if (i !== undefined) {
    choose(i);
    reveal();
  }
});
