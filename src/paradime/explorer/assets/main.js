// The state of the page, and its initialisation.

const state = {
  n: described.n, x: null, y: null, columns: [], features: null, network: null, legend: null, groups: [],
  view: null, frame: null, extent: 1, pointSize: 5, mode: "pan", colorOf: (i) => state.legend.colorOf(i),
  hovered: null, picked: null, selected: null, hits: null, outline: [],
  start: null, current: null, startLabel: "", chosen: [], trail: [], placed: [],
  edits: [], pinned: new Map(), draft: null, moved: null,
};

const MOST_LINES = 12;

function hover(row) {
  state.hovered = row;
  showCard(row);
  drawOverlay();
}

// Selects a clicked point: it gets a ring, and sliders start from it.
function pick(row) {
  state.picked = row;
  startWhatIf(row);
  showCard(row);
  drawOverlay();
}

function showCard(row) {
  const card = $("card");
  card.hidden = row === null;
  if (row === null) return;
  const listed = state.columns.filter((column) => !described.images || column.feature === undefined);
  const lines = listed.slice(0, MOST_LINES).flatMap((column) => [element("dt", { text: column.name }), element("dd", { text: column.text(row) })]);
  const more = listed.length > MOST_LINES ? [element("small", { class: "quiet", text: `and ${listed.length - MOST_LINES} more columns` })] : [];
  const image = described.images ? [thumbnail(row, 112)] : [];
  card.replaceChildren(...image, element("dl", {}, element("dt", { text: "row" }), element("dd", { text: String(row) }), ...lines), ...more);
  const [px, py] = pixelMap()(state.x[row], state.y[row]);
  const { offsetWidth: width, offsetHeight: height } = card;
  // next to the point, on the side with enough space
  const left = px + 16 + width > map.clientWidth ? px - 16 - width : px + 16;
  const top = Math.min(Math.max(8, py - height / 2), map.clientHeight - height - 8);
  card.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
}

function setColor(name) {
  $("color").value = name;
  state.legend = makeLegend(state.columns.find((column) => column.name === name));
  return drawPoints().then(() => state.legend.show());
}

function fillColors() {
  const select = $("color");
  const option = (column) => element("option", { text: column.name, value: column.name });
  const colorable = state.columns.filter((column) => column.kind !== "text");
  const carried = colorable.filter((column) => column.feature === undefined);
  const features = colorable.filter((column) => column.feature !== undefined);
  select.append(element("option", { text: "None", value: "" }), ...carried.map(option));
  if (features.length) select.append(element("optgroup", { label: "Features" }, ...features.map(option)));
  select.value = described.color ?? "";
  select.onchange = () => setColor(select.value);
}

async function loadLibrary() {
  const text = new TextDecoder().decode(await inflated($("library").textContent));
  document.head.append(element("script", { text }));
}

async function begin() {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  setTheme(described.theme === "auto" ? system : described.theme);
  $("count").textContent = `${LARGE.format(state.n)} points`;
  if (typeof DecompressionStream === "undefined") throw new Error("This page needs a browser of 2023 or later.");
  if (!document.createElement("canvas").getContext("webgl")) throw new Error("This page needs WebGL. Enable hardware acceleration, or use another browser.");
  const [, loaded] = await Promise.all([loadLibrary(), loadArrays(described)]);
  Object.assign(state, { x: loaded.x, y: loaded.y, features: loaded.features, network: loaded.network });
  state.columns = loaded.columns.map((spec) => makeColumn(spec, state.n, state.features));
  state.pointSize = sizeFor(state.n);
  fillColors();
  state.view = wholeView();
  if (loaded.former) readMoved(loaded.former);
  await setColor(described.color ?? "");
  listenToMap();
  listenToSearch();
  showSelection();
  showWhatIf();
  showEdits();
  showMoved();
  $("note-list").append(...described.notes.map((note) => element("li", { text: note })));
  $("notes").hidden = !described.notes.length;
  $("theme").onclick = () => {
    setTheme(themeNow() === "dark" ? "light" : "dark");
    drawPoints().then(() => state.legend.show());
  };
  $("loading").remove();
  window.explorer.ready = true;
}

// for tests and for the console
window.explorer = { ready: false, state, place: (row) => place(state.network, row), select, pick, setColor, csvOf, parseRows, hitsOf, pixelMap, editsFile };
begin().catch((error) => {
  $("loading").textContent = error.message;
  throw error;
});
