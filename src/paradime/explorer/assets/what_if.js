// New points: sliders change features of a point, or rows are read from text, and the model embeds them.

const MOST_SLIDERS = 12;
const MOST_PLACED = 200;

function showWhatIf() {
  if (!described.hasRoutine) return;
  $("what-if").hidden = false;
  if (!state.network) {
    const reason = described.notes.find((note) => note.startsWith("new points")) ?? "The page was written without its model.";
    $("what-if-body").replaceChildren(element("p", { class: "quiet", style: { whiteSpace: "normal" }, text: reason }));
    return;
  }
  const hint = element("p", { class: "quiet", style: { whiteSpace: "normal" }, text: "Click a point, then change its features: the model moves it." });
  $("what-if-body").replaceChildren(element("div", { id: "sliders" }, hint), pasteBox());
}

// Returns the features of a row; if the page lacks them, those of the nearest row that has features.
function featuresOf(row) {
  const { data, rows, names } = state.features;
  let [at, count] = [row, state.n];
  if (rows) {
    count = rows.length;
    let nearest = Infinity;
    rows.forEach((i, k) => {
      const distance = (state.x[i] - state.x[row]) ** 2 + (state.y[i] - state.y[row]) ** 2;
      if (distance < nearest) [nearest, at] = [distance, k];
    });
  }
  return { row: rows ? rows[at] : row, values: Float64Array.from(names, (_, j) => data[j * count + at]) };
}

function startWhatIf(row) {
  if (!state.network) return;
  const { row: found, values } = featuresOf(row);
  startFrom(values, found === row ? `Row ${row}` : `Row ${found}, the nearest with features in this page`);
}

function startFrom(values, label) {
  state.start = values;
  state.current = values.slice();
  state.startLabel = label;
  state.trail = [place(state.network, values)];
  state.chosen = [];
  showSliders();
  revealInPanel($("what-if-title"), "nearest");
  drawOverlay();
}

function showSliders() {
  const order = state.features.order;
  const shown = [...order.slice(0, MOST_SLIDERS), ...state.chosen];
  const others = order.filter((j) => !shown.includes(j));
  const more = others.length ? [element("select", {
    "aria-label": "Another feature", style: { width: "100%" },
    onchange: (event) => {
      state.chosen.push(Number(event.target.value));
      showSliders();
    },
  }, element("option", { text: `Another of ${others.length} features…`, value: "" }), ...others.map((j) => element("option", { text: state.features.names[j], value: String(j) })))] : [];
  $("sliders").replaceChildren(
    element("div", { class: "row apart", style: { flexWrap: "nowrap", marginBottom: "6px" } },
      element("span", { text: state.startLabel }),
      element("button", { type: "button", id: "reset", text: "Reset", onclick: () => startFrom(state.start, state.startLabel) })),
    element("p", { id: "moved", class: "quiet", style: { whiteSpace: "normal" }, "aria-live": "polite" }),
    ...shown.map(slider), ...more);
  tellMoved();
}

function slider(j) {
  const { names, low, high, integer } = state.features;
  const value = state.current[j];
  const [least, most] = [Math.min(low[j], state.start[j]), Math.max(high[j], state.start[j])];
  const step = integer[j] ? "1" : "any";
  const shown = (number) => String(integer[j] ? number : Number(number.toPrecision(6)));
  const range = element("input", { type: "range", min: String(least), max: String(most), step, value: String(value), id: `slider-${j}` });
  const field = element("input", { type: "number", step: "any", value: shown(value), "aria-label": `${names[j]}, as a number` });
  const box = element("div", { class: "slider" }, element("label", { for: `slider-${j}`, title: names[j], text: names[j] }), range, field);
  const set = (text, other) => {
    const number = Number(text);
    if (text === "" || !Number.isFinite(number)) return;
    other.value = other === field ? shown(number) : text;
    box.classList.toggle("changed", number !== state.start[j]);
    moveFeature(j, number);
  };
  range.addEventListener("input", () => set(range.value, field));
  field.addEventListener("input", () => set(field.value, range));
  return box;
}

function moveFeature(j, value) {
  state.current[j] = value;
  state.trail.push(place(state.network, state.current));
  // limit the length of the trail
  if (state.trail.length > 3000) state.trail.splice(1, 1000);
  tellMoved();
  drawOverlay();
}

function tellMoved() {
  const [[x0, y0], [x, y]] = [state.trail[0], state.trail.at(-1)];
  const far = Math.hypot(x - x0, y - y0) / state.extent;
  const moved = far < 5e-4 ? "Not moved." : `Moved by ${(100 * far).toPrecision(2)} % of the map.`;
  const labels = state.columns.find((column) => column.kind === "category");
  $("moved").textContent = labels ? `${moved} Near it: ${commonest(labels, nearest([x, y], 10))}.` : moved;
}

function nearest([x, y], count) {
  const found = [];
  for (let i = 0; i < state.n; i++) {
    const distance = (state.x[i] - x) ** 2 + (state.y[i] - y) ** 2;
    if (found.length === count && distance >= found.at(-1)[0]) continue;
    let k = found.length;
    while (k && found[k - 1][0] > distance) k--;
    found.splice(k, 0, [distance, i]);
    if (found.length > count) found.pop();
  }
  return found.map(([, i]) => i);
}

function commonest(column, rows) {
  const counts = new Map();
  for (const i of rows) counts.set(column.text(i), (counts.get(column.text(i)) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 2);
  return sorted.map(([name, count]) => `${name} (${count} of ${rows.length})`).join(", ");
}

// -- rows from text -----------------------------------------------------------------------------------------

function pasteBox() {
  const field = element("textarea", { id: "paste", "aria-label": "Rows as text", spellcheck: false, placeholder: "Values of a row, separated by commas, tabs or semicolons; names in a first line if in another order" });
  const message = element("p", { id: "paste-told", role: "status" });
  const run = () => {
    try {
      const rows = parseRows(field.value, state.features.names);
      state.placed = rows.map((row) => place(state.network, row));
      message.className = "quiet";
      message.textContent = `${rows.length} placed on the map.`;
      startFrom(rows[0], "Row from text");
    } catch (error) {
      message.className = "error";
      message.textContent = error.message;
    }
    drawOverlay();
  };
  const clear = () => {
    state.placed = [];
    field.value = message.textContent = "";
    drawOverlay();
  };
  return element("details", {}, element("summary", { text: "Place rows from text" }), field,
    element("div", { class: "row" }, element("button", { type: "button", id: "place", text: "Place", onclick: run }), element("button", { type: "button", text: "Clear", onclick: clear })), message);
}

// Returns the fields of a line of CSV; quoted fields may contain the separator.
function fieldsOf(line, separator) {
  const fields = [];
  let [text, quoted] = ["", false];
  for (let k = 0; k < line.length; k++) {
    if (quoted && line[k] === '"' && line[k + 1] === '"') text += line[++k];
    else if (line[k] === '"') quoted = !quoted;
    else if (line[k] === separator && !quoted) {
      fields.push(text.trim());
      text = "";
    } else text += line[k];
  }
  return [...fields, text.trim()];
}

// Returns rows of features; throws an error with a message for the reader.
function parseRows(text, names) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  if (!lines.length) throw new Error("There is no row. Paste one.");
  const separator = ["\t", ";", ",", " "].find((mark) => lines[0].includes(mark)) ?? ",";
  const table = lines.map((line) => fieldsOf(separator === " " ? line.trim().replace(/ +/g, " ") : line, separator));
  const isNumber = (field) => field !== "" && Number.isFinite(Number(field));
  let places = names.map((_, j) => j);
  if (!table[0].every((field) => field === "" || isNumber(field)) && table[0].some((field) => names.includes(field))) {
    const header = table.shift();
    places = names.map((name) => header.indexOf(name));
    const lacking = names.filter((_, j) => places[j] < 0);
    if (lacking.length) throw new Error(`The first line must name all columns; it lacks ${lacking.slice(0, 3).join(", ")}${lacking.length > 3 ? ` and ${lacking.length - 3} more` : ""}.`);
    if (!table.length) throw new Error("There is no row below the names. Paste one.");
  } else {
    const wrong = table.findIndex((fields) => fields.length !== names.length);
    if (wrong >= 0) throw new Error(`Row ${wrong + 1} must have ${names.length} values, got ${table[wrong].length}.`);
  }
  if (table.length > MOST_PLACED) throw new Error(`At most ${MOST_PLACED} rows can be placed, got ${table.length}.`);
  return table.map((fields, r) => Float64Array.from(places, (at, j) => {
    if (!isNumber(fields[at] ?? "")) throw new Error(`Row ${r + 1}: ${names[j]} must be a number, got “${fields[at] ?? ""}”.`);
    return Number(fields[at]);
  }));
}
