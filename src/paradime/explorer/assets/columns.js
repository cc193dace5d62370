// Common interface of columns: value(i) is a number, null or a text; text(i) is the text to show.

const MISSING = "missing";
const LARGE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function formatNumber(value, integer = false) {
  if (value === null || Number.isNaN(value)) return MISSING;
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (integer && size < 1e15) return size < 1e4 ? String(value) : LARGE.format(value);
  if (size >= 1e7 || size < 1e-4) return value.toExponential(2).replace("e+", "e");
  if (size >= 1e4) return LARGE.format(value);
  return String(Number(value.toPrecision(4)));
}

const formatDate = (time) => {
  if (Number.isNaN(time)) return MISSING;
  const text = new Date(time).toISOString();
  return text.endsWith("T00:00:00.000Z") ? text.slice(0, 10) : text.slice(0, 16).replace("T", " ");
};

function makeColumn(spec, n, features) {
  const { name, kind } = spec;
  if (kind === "category") {
    const { data: codes, names } = spec;
    return {
      name, kind, codes, names,
      value: (i) => names[codes[i]],
      text: (i) => names[codes[i]] ?? MISSING,
      className: (code) => names[code] ?? MISSING,
    };
  }
  if (kind === "number") {
    const data = spec.feature === undefined ? spec.data : features.data.subarray(spec.feature * n, (spec.feature + 1) * n);
    const format = spec.date ? formatDate : (value) => formatNumber(value, spec.integer);
    // means are rarely integers, and need no time of day
    const formatMean = spec.date ? (value) => formatDate(value).slice(0, 10) : (value) => formatNumber(value);
    return {
      name, kind, data, format, formatMean, feature: spec.feature, date: Boolean(spec.date),
      value: (i) => (Number.isNaN(data[i]) ? null : data[i]),
      text: (i) => format(data[i]),
    };
  }
  const decoder = new TextDecoder();
  const text = (i) => decoder.decode(spec.data.subarray(i ? spec.ends[i - 1] : 0, spec.ends[i]));
  return { name, kind, value: text, text };
}

// Statistics of a column, for all rows or some. Quantiles are estimated from a sample of the rows.
function statistics(column, rows, n) {
  const count = rows ? rows.length : n;
  let sum = 0, squares = 0, known = 0;
  const at = (k) => column.data[rows ? rows[k] : k];
  for (let k = 0; k < count; k++) {
    const value = at(k);
    if (Number.isNaN(value)) continue;
    known++;
    const step = value - sum;
    sum += step / known;
    squares += step * (value - sum);
  }
  const sample = [];
  const stride = Math.max(1, count / 5000);
  for (let k = 0; k < count; k += stride) {
    const value = at(Math.floor(k));
    if (!Number.isNaN(value)) sample.push(value);
  }
  sample.sort((a, b) => a - b);
  const quantile = (q) => sample[Math.round(q * (sample.length - 1))];
  return { known, mean: sum, sd: Math.sqrt(squares / Math.max(known, 1)), quantile };
}

function csvField(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvOf(rows, x, y, columns) {
  const lines = [["row", "x", "y", ...columns.map((column) => column.name)].map(csvField).join(",")];
  for (const i of rows) {
    const values = columns.map((column) => (column.date ? column.text(i).replace(MISSING, "") : column.value(i)));
    lines.push([i, x[i], y[i], ...values].map(csvField).join(","));
  }
  return lines.join("\r\n") + "\r\n";
}
