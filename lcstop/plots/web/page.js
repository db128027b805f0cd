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

// Values outside the axis are drawn at its ends.
function drawSlice() {
  const { name, kind } = data.parameters[element("by").selectedIndex];
  const figure = data.figures.slice;
  const { low, high } = data.axis;
  for (const trace of figure.data) {
    Object.assign(trace, { x: [], y: [], customdata: [] });
    for (const trial of data.trials) {
      const pair = trial.params.find((found) => found[0] === name);
      if (trial.group !== trace.name || !pair || trial.best === null) continue;
      trace.x.push(typeof pair[1] === "number" ? pair[1] : escaped(pair[1]));
      trace.y.push(Math.min(Math.max(trial.best, low), high));
      trace.customdata.push(trial.number);
    }
  }
  figure.layout.xaxis.type = kind;
  figure.layout.xaxis.title.text = escaped(name);
  draw("slice", figure);
}

// Plotly reads tags in words.
function escaped(text) {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
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

const indexOf = new Map(data.trials.map((trial, i) => [trial.number, i]));

function drawAll() {
  for (const name of ["incumbent", "savings", "calibration", "parameters"]) if (data.figures[name]) draw(name, data.figures[name]);
  if (data.figures.slice) drawSlice();
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
element("by").append(...data.parameters.map(({ name }) => make("option", name)));
element("by").addEventListener("change", drawSlice);
element("parameters").hidden = data.parameters.length === 0;
element("plot-parameters").style.minWidth = `${5.5 * (data.parameters.length + 1)}rem`;
if (!data.figures.calibration) {
  element("plot-calibration").append(make("p", "Too few trials ran to the end to tell.", "empty"));
}
for (const query of [dark, narrow]) query.addEventListener("change", drawAll);

// The library is compressed, which makes the file half as large.
async function unpack() {
  const bytes = Uint8Array.from(atob(element("plotly").textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = make("script", await new Response(stream).text());
  document.head.append(script);
}

async function start() {
  if (typeof DecompressionStream === "undefined") {
    element("old").hidden = false;
    return;
  }
  await unpack();
  fillTable("number", false);
  filterTable();
  choose(data.first);
  drawAll();
  for (const name of ["curves", "parameters", "slice"]) {
    if (!data.figures[name]) continue;
    element(`plot-${name}`).on("plotly_click", (event) => {
      const i = indexOf.get(event.points[0].customdata);
      if (i !== undefined) {
        choose(i);
        reveal();
      }
    });
  }
}

start();
