// What moved since an earlier map: lines from where rows were, for those that moved most.

const MOST_MOVED = 200;

function readMoved({ x, y }) {
  const lengths = Float64Array.from({ length: state.n }, (_, i) => Math.hypot(state.x[i] - x[i], state.y[i] - y[i]));
  const order = Array.from(lengths.keys()).sort((a, b) => lengths[b] - lengths[a]);
  const median = lengths[order[state.n >> 1]];
  const rows = order.slice(0, MOST_MOVED).filter((i) => lengths[i] > 0);
  state.moved = { x, y, rows, median, shown: rows.length > 0 };
}

function paintMoved(pen, toPixel) {
  const { x, y, rows, shown } = state.moved ?? {};
  if (!shown) return;
  const color = cssColor("quiet");
  for (const i of rows) {
    if (state.colorOf(i) === null) continue;
    paintLine(pen, toPixel(x[i], y[i]), toPixel(state.x[i], state.y[i]), color, { width: 1, alpha: 0.5 });
  }
}

function showMoved() {
  if (!state.moved) return;
  const { rows, median, shown } = state.moved;
  const share = (100 * median) / state.extent;
  const toggle = () => {
    state.moved.shown = !state.moved.shown;
    showMoved();
    drawOverlay();
  };
  $("moved-section").hidden = false;
  $("moved-body").replaceChildren(
    element("p", { id: "moved-median", class: "quiet", style: { whiteSpace: "normal" }, text: `Half of the points moved by less than ${share.toPrecision(2)} % of the map.` }),
    element("button", { type: "button", id: "toggle-moved", "aria-pressed": String(shown), disabled: !rows.length, text: `Lines of the ${LARGE.format(rows.length)} that moved most`, onclick: toggle }));
}
