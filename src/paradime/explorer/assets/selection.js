// The selected rows: comparison with all rows, and download.

const FEW_STATISTICS = 10;

function select(rows) {
  state.selected = rows?.length ? rows : null;
  showSelection();
  // sliders of a clicked point may fill the panel
  if (state.selected) revealInPanel($("selection-title"), "start");
  drawPoints();
}

function showSelection(all = false) {
  const rows = state.selected;
  const hint = "Draw around points with the lasso or the box to compare them with all others.";
  if (!rows) return $("selection").replaceChildren(element("p", { class: "quiet", style: { whiteSpace: "normal" }, text: hint }));
  const share = (100 * rows.length) / state.n;
  const head = element("p", { id: "selected-count", text: `${LARGE.format(rows.length)} of ${LARGE.format(state.n)} points, ${share.toPrecision(2)} %` });
  const buttons = element("div", { class: "row" },
    element("button", { type: "button", id: "download", text: "Download CSV", onclick: () => download("selection.csv", csvOf(rows, state.x, state.y, state.columns), "text/csv") }),
    element("button", { type: "button", text: "Clear", onclick: () => select(null) }));
  const images = described.images ? [element("div", { class: "thumbs" }, ...drawn(rows, 21).map((i) => thumbnail(i, 34)))] : [];
  const categories = state.columns.filter((column) => column.kind === "category").map((column) => categoryStatistic(column, rows));
  const numbers = state.columns.filter((column) => column.kind === "number").map((column) => numberStatistic(column, rows));
  // columns that differ most come first
  numbers.sort((a, b) => b.difference - a.difference);
  const shown = all ? numbers : numbers.slice(0, FEW_STATISTICS);
  const more = numbers.length > shown.length
    ? [element("button", { type: "button", text: `Show all ${numbers.length} numeric columns`, onclick: () => showSelection(true) })] : [];
  $("selection").replaceChildren(head, buttons, ...images, ...categories, ...shown.map((number) => number.shown), ...more);
}

function drawn(rows, most) {
  const count = Math.min(rows.length, most);
  return Array.from({ length: count }, (_, k) => rows[Math.floor((k * rows.length) / count)]);
}

function categoryStatistic(column, rows) {
  const count = (some, length) => {
    const counts = new Map();
    for (let k = 0; k < length; k++) {
      const code = column.codes[some ? some[k] : k];
      counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    return counts;
  };
  column.counts ??= count(null, state.n);
  const selected = [...count(rows, rows.length)].sort((a, b) => b[1] - a[1]);
  const lines = selected.slice(0, 5).map(([code, number]) => {
    const [share, usual] = [number / rows.length, column.counts.get(code) / state.n];
    const tooltip = `${column.className(code)}: ${LARGE.format(number)} points, ${(100 * share).toFixed(1)} % here, ${(100 * usual).toFixed(1)} % of all`;
    return element("div", { class: "share", title: tooltip },
      element("span", { class: "row apart", style: { flexWrap: "nowrap" } },
        element("span", { class: "name", style: { overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap" }, text: column.className(code) }),
        element("small", { class: "quiet", text: `${(100 * share).toFixed(0)} %` })),
      element("span", { class: "bar" }, element("i", { style: { width: `${100 * share}%` } }), element("u", { style: { left: `${100 * usual}%` } })));
  });
  const rest = selected.length > 5 ? [element("small", { class: "quiet", text: `and ${selected.length - 5} more` })] : [];
  return element("div", { class: "stat" }, element("div", { class: "name", text: column.name }), ...lines, ...rest);
}

function numberStatistic(column, rows) {
  column.all ??= statistics(column, null, state.n);
  const [all, some] = [column.all, statistics(column, rows, state.n)];
  const [low, high] = [all.quantile(0.01), all.quantile(0.99)];
  const at = (value) => `${Math.min(100, Math.max(0, (100 * (value - low)) / (high - low || 1)))}%`;
  const between = (a, b) => ({ left: at(a), right: `${100 - parseFloat(at(b))}%` });
  const mean = (found) => (found.known ? column.formatMean(found.mean) : MISSING);
  const tooltip = [0.25, 0.5, 0.75].map((q) => `${100 * q} %: ${column.format(some.quantile(q) ?? NaN)} here, ${column.format(all.quantile(q) ?? NaN)} of all`).join("\n");
  const strip = some.known && all.known ? element("div", { class: "strip", title: tooltip },
    element("i", { class: "all", style: between(low, high) }),
    element("i", { class: "some", style: between(some.quantile(0.25), some.quantile(0.75)) }),
    element("i", { class: "middle whole", style: { left: at(all.mean) } }),
    element("i", { class: "middle", style: { left: at(some.mean) } })) : null;
  const shown = element("div", { class: "stat" },
    element("div", { class: "row apart", style: { flexWrap: "nowrap" } },
      element("span", { class: "name", title: column.name, text: column.name }),
      element("small", { class: "value", title: "mean of the selection, and of all", text: `${mean(some)} · all ${mean(all)}` })),
    strip);
  return { shown, difference: some.known && all.sd ? Math.abs(some.mean - all.mean) / all.sd : -1 };
}
