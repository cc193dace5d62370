// Colours by a column: classes that are shown or hidden, or a scale between two numbers.

const MOST_CLASSES = 40;
const MOST_TRACES = 48;
const STEPS = 32;

function makeLegend(column) {
  if (!column) return plainLegend();
  return column.kind === "category" ? classLegend(column) : scaleLegend(column);
}

function plainLegend() {
  const rows = Uint32Array.from({ length: state.n }, (_, i) => i);
  const color = () => classColor(themeNow() === "dark" ? 2 : 0);
  return { groups: () => [{ rows, color: color() }], colorOf: color, show: () => $("legend").replaceChildren() };
}

function rowsByGroup(groupOf, count) {
  const lists = Array.from({ length: count }, () => []);
  for (let i = 0; i < state.n; i++) lists[groupOf(i)].push(i);
  return lists.map((list) => Uint32Array.from(list));
}

function classLegend(column) {
  const counts = new Map();
  for (const code of column.codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  const codes = [...counts.keys()].sort((a, b) => a - b);
  const known = codes.filter((code) => column.names[code] !== null);
  // the largest classes get different colours, in the order of their names
  const shown = known.length <= MOST_CLASSES ? known
    : [...known].sort((a, b) => counts.get(b) - counts.get(a)).slice(0, MOST_CLASSES - 1).sort((a, b) => a - b);
  const own = new Map(shown.map((code, k) => [code, k]));
  const labels = shown.map(column.className);
  const rest = known.length - shown.length;
  const restAt = rest ? labels.push(`other (${rest} classes)`) - 1 : -1;
  const missingAt = known.length < codes.length ? labels.push(MISSING) - 1 : -1;
  const groupOf = (i) => own.get(column.codes[i]) ?? (column.names[column.codes[i]] === null ? missingAt : restAt);
  // drawn in rounds of all classes, so that no class covers the others
  const rounds = Math.max(1, Math.min(6, Math.floor(MOST_TRACES / labels.length)));
  const rows = rowsByGroup((i) => groupOf(i) * rounds + ((Math.imul(i, 0x9e3779b1) >>> 8) % rounds), labels.length * rounds);
  const sizes = labels.map((_, k) => rows.slice(k * rounds, (k + 1) * rounds).reduce((sum, some) => sum + some.length, 0));
  const hidden = new Set();
  let colors = [];
  const groups = () => {
    colors = labels.map((_, k) => (k < shown.length ? classColor(k) : UNKNOWN[themeNow()]));
    const shownAt = labels.map((_, k) => k).filter((k) => !hidden.has(k));
    return Array.from({ length: rounds }, (_, r) => shownAt.map((k) => ({ rows: rows[k * rounds + r], color: colors[k] })))
      .flat()
      .filter((group) => group.rows.length);
  };
  const show = () => {
    const toggle = (k, alone) => {
      if (alone) labels.forEach((_, j) => (j === k ? hidden.delete(j) : hidden.add(j)));
      else if (!hidden.delete(k)) hidden.add(k);
      drawPoints();
      show();
    };
    const buttons = labels.map((label, k) => element("button", {
      class: "class", type: "button", "aria-pressed": String(!hidden.has(k)),
      title: "Click to hide or show, double-click to show it alone",
      onclick: () => toggle(k), ondblclick: () => toggle(k, true),
    }, element("b", { style: { background: colors[k] } }), element("span", { text: label }), element("small", { text: LARGE.format(sizes[k]) })));
    const focused = [...$("legend").children].indexOf(document.activeElement);
    const all = element("button", { type: "button", text: "Show all", onclick: () => { hidden.clear(); drawPoints(); show(); } });
    $("legend").replaceChildren(...buttons, ...(hidden.size ? [all] : []));
    if (focused >= 0) $("legend").children[focused]?.focus();
  };
  const colorOf = (i) => {
    const k = groupOf(i);
    return hidden.has(k) ? null : colors[k];
  };
  return { groups, colorOf, show };
}

function scaleLegend(column) {
  const { quantile } = statistics(column, null, state.n);
  let [low, high] = [quantile(0.005) ?? 0, quantile(0.995) ?? 1];
  if (low === high) [low, high] = [quantile(0), quantile(1)];
  const stepOf = (i) => {
    const value = column.data[i];
    if (Number.isNaN(value)) return STEPS;
    const share = high > low ? (value - low) / (high - low) : 0.5;
    return Math.min(STEPS - 1, Math.max(0, Math.floor(share * STEPS)));
  };
  let colors = [];
  const groups = () => {
    colors = Array.from({ length: STEPS }, (_, k) => scaleColor((k + 0.5) / STEPS));
    colors.push(UNKNOWN[themeNow()]);
    const rows = rowsByGroup(stepOf, STEPS + 1);
    // rows without a value lie below all others
    return [STEPS, ...Array(STEPS).keys()].map((k) => ({ rows: rows[k], color: colors[k] })).filter((group) => group.rows.length);
  };
  const show = () => {
    const stops = Array.from({ length: 21 }, (_, k) => scaleColor(k / 20));
    const field = (name, value, set) => element("input", {
      type: column.date ? "date" : "number", step: "any", "aria-label": `${name} end of the colour scale`,
      value: column.date ? formatDate(value).slice(0, 10) : String(Number(value.toPrecision(5))),
      onchange: (event) => {
        const given = column.date ? Date.parse(event.target.value) : Number(event.target.value);
        if (event.target.value !== "" && Number.isFinite(given)) set(given);
        drawPoints();
        show();
      },
    });
    $("legend").replaceChildren(
      element("div", { class: "scale", style: { background: `linear-gradient(90deg, ${stops.join(", ")})` } }),
      element("div", { class: "row apart" },
        field("lower", low, (value) => { low = Math.min(value, high); }),
        field("upper", high, (value) => { high = Math.max(value, low); })),
    );
  };
  return { groups, colorOf: (i) => colors[stepOf(i)], show };
}
