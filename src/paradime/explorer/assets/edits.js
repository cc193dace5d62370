// Edits by hand: points are dragged to other places, and pairs are drawn. The map itself follows when it is updated.

const EDIT_MODES = ["move", "together", "apart"];
const REACH = { mouse: 14, touch: 26, pen: 18 }; // pixels from a pointer to a point
const MOST_EDITS_SHOWN = 60;
const MOST_EDIT_LINES = 2000;

const nameOfRow = (row) => (described.rowNames ? described.rowNames[row] : row);

// Returns where edits put rows, by row.
function pinnedPlaces() {
  const places = new Map();
  for (const { rows, dx, dy } of state.edits.filter((edit) => edit.kind === "move")) {
    for (const row of rows) {
      const [x, y] = places.get(row) ?? [state.x[row], state.y[row]];
      places.set(row, [x + dx, y + dy]);
    }
  }
  return places;
}

const editedPlace = (row) => state.pinned.get(row) ?? [state.x[row], state.y[row]];

// Returns the visible row nearest to a pointer, null if none is near.
function rowAt([px, py], reach) {
  const toPixel = pixelMap();
  let [found, nearest] = [null, reach ** 2];
  for (let row = 0; row < state.n; row++) {
    if (state.colorOf(row) === null) continue;
    const [x, y] = toPixel(...editedPlace(row));
    const square = (x - px) ** 2 + (y - py) ** 2;
    if (square <= nearest) [found, nearest] = [row, square];
  }
  return found;
}

function setEdits(edits) {
  state.edits = edits;
  state.pinned = pinnedPlaces();
  showEdits();
  drawOverlay();
}

const undoEdit = () => setEdits(state.edits.slice(0, -1));

function addMove(rows, dx, dy, nudged = false) {
  const last = state.edits.at(-1);
  const sameRows = last?.nudged && nudged && last.rows.length === rows.length && last.rows.every((row, k) => row === rows[k]);
  if (sameRows) setEdits([...state.edits.slice(0, -1), { ...last, dx: last.dx + dx, dy: last.dy + dy }]);
  else setEdits([...state.edits, { kind: "move", rows, dx, dy, nudged }]);
}

// Adds a pair; one that is there is replaced, so that no pair is both together and apart.
function addPair(first, second, together) {
  const isOther = ({ kind, rows }) => kind !== "pair" || !(rows.includes(first) && rows.includes(second));
  setEdits([...state.edits.filter(isOther), { kind: "pair", rows: [first, second], together }]);
}

// -- dragging -----------------------------------------------------------------------------------------------

function beginEdit(at, reach) {
  const row = rowAt(at, reach);
  if (row === null) return;
  const isSelected = state.mode === "move" && state.selected?.includes(row);
  state.draft = { row, rows: isSelected ? Array.from(state.selected) : [row], from: at, to: at, reach };
  hover(null);
}

function dragEdit(at) {
  state.draft.to = at;
  drawOverlay();
}

function endEdit(isDone) {
  const { row, rows, from, to, reach } = state.draft;
  state.draft = null;
  const isMoved = Math.hypot(to[0] - from[0], to[1] - from[1]) > 3;
  if (isDone && isMoved && state.mode === "move") {
    const [[x0, y0], [x1, y1]] = [toData(...from), toData(...to)];
    addMove(rows, x1 - x0, y1 - y0);
  } else if (isDone && isMoved) {
    const other = rowAt(to, reach);
    if (other !== null && other !== row) addPair(row, other, state.mode === "together");
  } else if (isDone) {
    state.picked = row; // arrow keys move it
    showCard(row);
  }
  drawOverlay();
}

// Moves the selected rows, or the picked one, by a share of the view; returns whether there are any.
function nudge(sx, sy) {
  const rows = state.selected ? Array.from(state.selected) : state.picked === null ? [] : [state.picked];
  if (state.mode !== "move" || !rows.length) return false;
  const [[x0, x1], [y0, y1]] = state.view;
  addMove(rows, (x1 - x0) * sx, (y1 - y0) * sy, true);
  return true;
}

// -- painting -----------------------------------------------------------------------------------------------

function paintEdits(pen, toPixel) {
  const { draft } = state;
  const shift = draft && state.mode === "move" ? [draft.to[0] - draft.from[0], draft.to[1] - draft.from[1]] : [0, 0];
  const dragged = new Set(draft && state.mode === "move" ? draft.rows : []);
  const placeOf = (row) => {
    const [px, py] = toPixel(...editedPlace(row));
    return dragged.has(row) ? [px + shift[0], py + shift[1]] : [px, py];
  };
  const moved = [...new Set([...state.pinned.keys(), ...dragged])];
  const accent = cssColor("accent");
  if (moved.length <= MOST_EDIT_LINES) {
    for (const row of moved) paintLine(pen, toPixel(state.x[row], state.y[row]), placeOf(row), accent, { width: 1, alpha: 0.45 });
  }
  for (const row of moved) paintDot(pen, placeOf(row), state.colorOf(row) ?? accent);
  for (const { kind, rows, together } of state.edits) {
    if (kind === "pair") paintPair(pen, placeOf(rows[0]), placeOf(rows[1]), together);
  }
  if (draft && state.mode !== "move") paintPair(pen, placeOf(draft.row), draft.to, state.mode === "together");
}

function paintPair(pen, from, to, together) {
  paintLine(pen, from, to, cssColor(together ? "accent" : "warm"), { width: 2.5, dashes: together ? [] : [5, 5] });
}

function paintLine(pen, from, to, color, { width, alpha = 1, dashes = [] }) {
  pen.save();
  Object.assign(pen, { strokeStyle: color, lineWidth: width, globalAlpha: alpha });
  pen.setLineDash(dashes);
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
  pen.restore();
}

function paintDot(pen, [px, py], color) {
  Object.assign(pen, { fillStyle: color, strokeStyle: cssColor("ink"), lineWidth: 1.5 });
  pen.beginPath();
  pen.arc(px, py, Math.max(3.5, state.pointSize / 2 + 1), 0, 2 * Math.PI);
  pen.fill();
  pen.stroke();
}

// -- panel and file -----------------------------------------------------------------------------------------

function describeEdit({ kind, rows, together }) {
  if (kind === "pair") return `Rows ${rows.map(nameOfRow).join(" and ")} ${together ? "together" : "apart"}`;
  return rows.length === 1 ? `Row ${nameOfRow(rows[0])} moved` : `${LARGE.format(rows.length)} rows moved`;
}

function showEdits() {
  const { edits } = state;
  const shown = edits.slice(-MOST_EDITS_SHOWN);
  const lines = shown.map((edit) => element("li", { class: "row apart" },
    element("span", { class: "name", text: describeEdit(edit) }),
    element("button", { type: "button", class: "small", text: "×", "aria-label": `Remove: ${describeEdit(edit)}`, onclick: () => setEdits(state.edits.filter((other) => other !== edit)) })));
  const earlier = edits.length > shown.length ? [element("li", { class: "quiet", text: `${edits.length - shown.length} earlier edits` })] : [];
  const hint = "Move: drag a point, or a selection. Together, Apart: drag from a point to another one. Arrow keys move what is selected or clicked. The map follows when it is updated with the file.";
  const button = (id, text, onclick) => element("button", { type: "button", id, text, onclick, disabled: !edits.length });
  $("edits-body").replaceChildren(
    element("p", { class: "quiet", style: { whiteSpace: "normal" }, text: hint }),
    element("ol", { id: "edit-list", "aria-live": "polite" }, ...earlier, ...lines),
    element("div", { class: "row" },
      button("download-edits", "Download edits", () => download("edits.json", editsFile(), "application/json")),
      button("undo", "Undo", undoEdit), button("clear-edits", "Clear", () => setEdits([]))),
    pairForm());
}

// Pairs by the numbers of rows, for the keyboard.
function pairForm() {
  const fields = ["First row", "Second row"].map((label) => element("input", { type: "number", min: "0", max: String(state.n - 1), step: "1", "aria-label": label, placeholder: label }));
  const message = element("p", { class: "error", role: "status" });
  const add = (together) => {
    const [first, second] = fields.map((field) => (field.value === "" ? NaN : Number(field.value)));
    const isRow = (row) => Number.isInteger(row) && row >= 0 && row < state.n;
    if (!isRow(first) || !isRow(second) || first === second) message.textContent = `Enter two different rows from 0 to ${state.n - 1}.`;
    else addPair(first, second, together);
  };
  return element("details", { id: "pair-form" }, element("summary", { text: "Pair rows by number" }),
    element("div", { class: "row" }, ...fields),
    element("div", { class: "row", style: { marginTop: "6px" } },
      element("button", { type: "button", text: "Together", onclick: () => add(true) }),
      element("button", { type: "button", text: "Apart", onclick: () => add(false) })), message);
}

// Returns the edits as JSON, which paradime.constraints.Edits reads.
function editsFile() {
  const pins = [...state.pinned].map(([row, position]) => ({ row: nameOfRow(row), position }));
  const pairs = state.edits.filter(({ kind }) => kind === "pair").map(({ rows, together }) => ({ rows: rows.map(nameOfRow), together }));
  return JSON.stringify({ format: "paradime edits", version: 1, rows: state.n, pins, pairs }, null, 1);
}
