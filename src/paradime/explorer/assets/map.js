// The map: plotly draws the points by WebGL, moves and zooms; the overlay takes lassos and boxes.

const map = $("map");
const plot = $("plot");
const CONFIG = { displayModeBar: false, scrollZoom: true, responsive: false, doubleClick: false };

const sizeFor = (n) => (n <= 500 ? 9 : n <= 2500 ? 7 : n <= 12000 ? 5 : n <= 50000 ? 3.6 : 2.8);

// Groups of rows with a colour each, from the legend, become traces; with hits or a selection, all other points are faint.
function drawPoints() {
  const opacity = state.n > 20000 ? 0.7 : state.n > 3000 ? 0.8 : 0.9;
  const groups = state.legend.groups().map((group) => ({ ...group, opacity, size: state.pointSize }));
  state.groups = withEmphasis(groups, state.hits ?? state.selected);
  const traces = state.groups.map((group) => ({
    type: "scattergl",
    mode: "markers",
    x: Float32Array.from(group.rows, (i) => state.x[i]),
    y: Float32Array.from(group.rows, (i) => state.y[i]),
    marker: { size: group.size, color: group.color, opacity: group.opacity, line: { width: 0 } },
    hoverinfo: "none",
  }));
  return Plotly.react(plot, traces, layoutNow(), CONFIG).then(readFrame);
}

function withEmphasis(groups, emphasized) {
  if (!emphasized) return groups;
  const marked = new Uint8Array(state.n);
  for (const i of emphasized) marked[i] = 1;
  const faint = groups.map((group) => ({ ...group, rows: group.rows.filter((i) => !marked[i]), opacity: 0.12 }));
  const size = state.pointSize + (emphasized.length < 3000 ? 2 : 0.5);
  const strong = groups.map((group) => ({ ...group, rows: group.rows.filter((i) => marked[i]), opacity: 1, size }));
  return [...faint, ...strong].filter((group) => group.rows.length);
}

function layoutNow() {
  const [[x0, x1], [y0, y1]] = state.view;
  const axis = { visible: false, autorange: false, fixedrange: false };
  return {
    width: map.clientWidth,
    height: map.clientHeight,
    margin: { l: 0, r: 0, t: 0, b: 0 },
    xaxis: { ...axis, range: [x0, x1] },
    yaxis: { ...axis, range: [y0, y1] },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    showlegend: false,
    hovermode: "closest",
    hoverdistance: 12,
    dragmode: "pan",
  };
}

// The view that shows all points, with the same length of a unit in both directions.
function wholeView() {
  const ends = (values) => {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return [low, high];
  };
  const [[x0, x1], [y0, y1]] = [ends(state.x), ends(state.y)];
  state.extent = Math.max(x1 - x0, y1 - y0) || 1;
  return fitted((x0 + x1) / 2, (y0 + y1) / 2, Math.max((x1 - x0) / map.clientWidth, (y1 - y0) / map.clientHeight) * 1.08);
}

function fitted(cx, cy, unitsPerPixel) {
  const scale = unitsPerPixel || 1 / map.clientWidth;
  const [w, h] = [(map.clientWidth * scale) / 2, (map.clientHeight * scale) / 2];
  return [[cx - w, cx + w], [cy - h, cy + h]];
}

function setView(view) {
  state.view = view;
  return Plotly.relayout(plot, { "xaxis.range": view[0], "yaxis.range": view[1] }).then(readFrame);
}

function zoomBy(factor, px = map.clientWidth / 2, py = map.clientHeight / 2) {
  const [x, y] = toData(px, py);
  const [[x0, x1], [y0, y1]] = state.view;
  return setView([[x + (x0 - x) * factor, x + (x1 - x) * factor], [y + (y0 - y) * factor, y + (y1 - y) * factor]]);
}

function panBy(dx, dy) {
  const [[x0, x1], [y0, y1]] = state.view;
  const [sx, sy] = [(x1 - x0) * dx, (y1 - y0) * dy];
  return setView([[x0 + sx, x1 + sx], [y0 + sy, y1 + sy]]);
}

function centerOn(i) {
  const [[x0, x1], [y0, y1]] = state.view;
  const [x, y] = [state.x[i], state.y[i]];
  if (x > x0 && x < x1 && y > y0 && y < y1) return drawOverlay();
  return panBy((x - (x0 + x1) / 2) / (x1 - x0), (y - (y0 + y1) / 2) / (y1 - y0));
}

function readFrame() {
  const { xaxis, yaxis } = plot._fullLayout;
  state.view = [[...xaxis.range], [...yaxis.range]];
  state.frame = { width: map.clientWidth, height: map.clientHeight };
  drawOverlay();
}

function pixelMap() {
  const [[x0, x1], [y0, y1]] = state.view;
  const { width, height } = state.frame;
  const [sx, sy] = [width / (x1 - x0), height / (y1 - y0)];
  return (x, y) => [(x - x0) * sx, (y1 - y) * sy];
}

function toData(px, py) {
  const [[x0, x1], [y0, y1]] = state.view;
  return [x0 + ((x1 - x0) * px) / state.frame.width, y1 - ((y1 - y0) * py) / state.frame.height];
}

function listenToMap() {
  const rowOf = ({ points: [point] }) => state.groups[point.curveNumber].rows[point.pointNumber];
  plot.on("plotly_relayouting", readFrame);
  plot.on("plotly_relayout", readFrame);
  plot.on("plotly_hover", (event) => hover(rowOf(event)));
  plot.on("plotly_unhover", () => hover(null));
  plot.on("plotly_click", (event) => pick(rowOf(event)));
  plot.on("plotly_doubleclick", () => setView(wholeView()));
  new ResizeObserver(() => {
    if (map.clientWidth === state.frame.width && map.clientHeight === state.frame.height) return;
    const [[x0, x1], [y0, y1]] = state.view;
    const scale = Math.max((x1 - x0) / map.clientWidth, (y1 - y0) / map.clientHeight);
    state.view = fitted((x0 + x1) / 2, (y0 + y1) / 2, scale);
    Plotly.relayout(plot, layoutNow()).then(readFrame);
  }).observe(map);
  listenToOutline();
  listenToKeys();
  for (const button of map.querySelectorAll("[data-mode]")) button.onclick = () => setMode(button.dataset.mode);
  $("zoom-in").onclick = () => zoomBy(1 / 1.5);
  $("zoom-out").onclick = () => zoomBy(1.5);
  $("fit").onclick = () => setView(wholeView());
  $("picture").onclick = savePicture;
}

function setMode(mode) {
  state.mode = mode;
  state.draft = null;
  map.classList.toggle("selecting", mode !== "pan");
  for (const button of map.querySelectorAll("[data-mode]")) button.setAttribute("aria-pressed", button.dataset.mode === mode);
}

function listenToOutline() {
  let start = null;
  const at = (event) => [event.offsetX, event.offsetY];
  const reach = (event) => REACH[event.pointerType] ?? REACH.mouse;
  overlay.addEventListener("pointerdown", (event) => {
    overlay.setPointerCapture(event.pointerId);
    if (EDIT_MODES.includes(state.mode)) return beginEdit(at(event), reach(event));
    start = at(event);
    state.outline = [start];
  });
  overlay.addEventListener("pointermove", (event) => {
    if (state.draft) return dragEdit(at(event));
    if (EDIT_MODES.includes(state.mode)) return hoverNear(rowAt(at(event), reach(event)));
    if (!start) return;
    const [px, py] = at(event);
    if (state.mode === "lasso") state.outline.push([px, py]);
    else state.outline = [start, [px, start[1]], [px, py], [start[0], py]];
    drawOverlay();
  });
  const end = (event) => {
    if (state.draft) return endEdit(event.type === "pointerup");
    if (!start) return;
    const outline = state.outline.map(([px, py]) => toData(px, py));
    start = null;
    state.outline = [];
    select(outline.length > 2 ? rowsInside(outline) : null);
  };
  overlay.addEventListener("pointerup", end);
  overlay.addEventListener("pointercancel", end);
  overlay.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomBy(Math.exp(event.deltaY / 400), ...at(event));
  }, { passive: false });
}

const hoverNear = (row) => { if (row !== state.hovered) hover(row); };

// Returns the visible points inside a polygon, by the number of edges to their right.
function rowsInside(polygon) {
  const xs = polygon.map(([x]) => x), ys = polygon.map(([, y]) => y);
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const found = [];
  for (let i = 0; i < state.n; i++) {
    const x = state.x[i], y = state.y[i];
    if (x < left || x > right || y < low || y > high || state.colorOf(i) === null) continue;
    let inside = false;
    for (let k = 0, j = xs.length - 1; k < xs.length; j = k++) {
      if (ys[k] > y !== ys[j] > y && x < ((xs[j] - xs[k]) * (y - ys[k])) / (ys[j] - ys[k]) + xs[k]) inside = !inside;
    }
    if (inside) found.push(i);
  }
  return Uint32Array.from(found);
}

function listenToKeys() {
  const actions = {
    ArrowLeft: () => nudge(-0.01, 0) || panBy(-0.1, 0), ArrowRight: () => nudge(0.01, 0) || panBy(0.1, 0),
    ArrowUp: () => nudge(0, 0.01) || panBy(0, 0.1), ArrowDown: () => nudge(0, -0.01) || panBy(0, -0.1),
    "+": () => zoomBy(1 / 1.5), "=": () => zoomBy(1 / 1.5), "-": () => zoomBy(1.5), 0: () => setView(wholeView()),
    p: () => setMode("pan"), l: () => setMode("lasso"), b: () => setMode("box"),
    m: () => setMode("move"), t: () => setMode("together"), a: () => setMode("apart"), u: undoEdit,
    Escape: () => { select(null); setMode("pan"); },
  };
  map.addEventListener("keydown", (event) => {
    const action = actions[event.key] ?? actions[event.key.toLowerCase()];
    if (event.target !== map || !action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
}

// Saves points and overlay as one image.
async function savePicture() {
  const address = await Plotly.toImage(plot, { format: "png", width: map.clientWidth, height: map.clientHeight, scale: 2 });
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = element("canvas", { width: image.width, height: image.height });
  const pen = canvas.getContext("2d");
  pen.fillStyle = cssColor("paper");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0);
  pen.drawImage(overlay, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => download("map.png", blob, "image/png"));
}
