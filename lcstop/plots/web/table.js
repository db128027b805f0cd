// The table of the trials: sorting, search, download.
const titles = [...element("table").tHead.rows[0].cells].map((head) => head.textContent);

function matches(trial) {
  const words = element("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [`trial ${trial.number}`, trial.name, trial.status, trial.note, ...trial.params.map((pair) => pair.join("="))];
  const all = text.join(" ").toLowerCase();
  return words.every((word) => all.includes(word)) && ["", trial.kind].includes(element("state").value);
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

const kinds = { best: "best", finished: "completed", stopped: "stopped", running: "running", failed: "failed" };
for (const [kind, words] of Object.entries(kinds)) {
  if (!data.trials.some((trial) => trial.kind === kind)) continue;
  const option = make("option", words);
  option.value = kind;
  element("state").append(option);
}
element("state").addEventListener("change", filterTable);
element("search").addEventListener("input", filterTable);
element("download").addEventListener("click", () => {
  element("download").href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
});
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const up = button.closest("th").getAttribute("aria-sort") === "ascending";
    fillTable(button.dataset.key, up);
  });
}
