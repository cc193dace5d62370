// Refined maps: a row is placed by its nearest training rows, in the same steps as in Python (neighbor_weights and
// place_by_neighbors of paradime.functional).

const NEWTON_STEPS = 6;
const START = 0.3;
const LONGEST_STEP = 1;
const FLAT = 1e-30;
const PLACING_STEPS = 10;
const CANDIDATES = 30;

const sumOf = (count, term) => {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += term(i);
  return sum;
};

// Returns a row as rows are compared: by itself, its direction, or that of its deviations; in few columns.
function shortRow(row, { center, axes, directions }) {
  let compared = row;
  if (directions === 2) {
    const mean = sumOf(row.length, (j) => row[j]) / row.length;
    compared = compared.map((value) => value - mean);
  }
  if (directions) {
    const norm = Math.sqrt(sumOf(row.length, (j) => compared[j] ** 2)) || 1;
    compared = compared.map((value) => value / norm);
  }
  compared = compared.map((value, j) => value - center[j]);
  if (axes.length === 1) return compared.map((value) => value * axes[0]);
  const width = row.length;
  return Float64Array.from({ length: axes.length / width }, (_, i) => sumOf(width, (j) => axes[i * width + j] * compared[j]));
}

// Returns the nearest training rows and the squared distances to them, ascending.
function nearestRows(short, { reference, n_neighbors: count }) {
  const width = short.length;
  const squares = new Float64Array(reference.length / width);
  for (let i = 0, at = 0; i < squares.length; i++) {
    let sum = 0;
    for (let j = 0; j < width; j++, at++) sum += (short[j] - reference[at]) ** 2;
    squares[i] = sum;
  }
  const farthest = squares.slice().sort()[count - 1];
  const rows = [];
  for (let i = 0; i < squares.length; i++) if (squares[i] <= farthest) rows.push(i);
  rows.sort((a, b) => squares[a] - squares[b]);
  return { rows: rows.slice(0, count), squares: Float64Array.from(rows.slice(0, count), (i) => squares[i]) };
}

// Returns which of some training rows equals a row, by a sum of its columns; undefined if none does.
function equalRow(row, rows, { checks, factors }) {
  const sum = sumOf(row.length, (j) => row[j] * factors[j]);
  const rounding = Number.EPSILON * (row.length + 2) * sumOf(row.length, (j) => Math.abs(row[j]) * factors[j]);
  return rows.find((i) => Math.abs(checks[i] - sum) <= rounding);
}

// Returns Gaussian weights of neighbours whose perplexity is the map's.
function weightsOf(squares, perplexity) {
  const count = squares.length;
  if (count < 3) return squares.map(() => 1 / count);
  const wanted = Math.max(1.01, Math.min(perplexity, 0.8 * count));
  const shifted = squares.map((square) => square - squares[0]);
  const unit = shifted[Math.ceil(wanted) - 1] || shifted[count - 1] || 1;
  const scaled = shifted.map((square) => square / unit);
  let logRate = START;
  for (let step = 0; step < NEWTON_STEPS; step++) {
    const rate = Math.exp(logRate);
    let [total, first, second] = [0, 0, 0];
    for (const square of scaled) {
      const kernel = Math.exp(-rate * square);
      total += kernel;
      first += kernel * square;
      second += kernel * square * square;
    }
    const mean = first / total;
    const excess = Math.log(total) + rate * mean - Math.log(wanted);
    const slope = Math.max(rate * rate * (second / total - mean * mean), FLAT);
    logRate += Math.max(-LONGEST_STEP, Math.min(LONGEST_STEP, excess / slope));
  }
  const kernels = scaled.map((square) => Math.exp(-Math.exp(logRate) * square));
  const total = sumOf(count, (i) => kernels[i]);
  return kernels.map((kernel) => kernel / total);
}

// Returns where the attraction of neighbours is in balance, from the neighbour that most others are near.
function balanced(weights, places) {
  const squareTo = (place, other) => sumOf(place.length, (j) => (place[j] - other[j]) ** 2);
  const starts = places.slice(0, CANDIDATES);
  const agreements = starts.map((start) => sumOf(starts.length, (i) => weights[i] / (1 + squareTo(start, starts[i]))));
  let placed = starts[agreements.indexOf(Math.max(...agreements))];
  for (let step = 0; step < PLACING_STEPS; step++) {
    const pulls = places.map((place, i) => weights[i] / (1 + squareTo(placed, place)));
    const total = sumOf(pulls.length, (i) => pulls[i]);
    placed = placed.map((_, j) => sumOf(pulls.length, (i) => pulls[i] * places[i][j]) / total);
  }
  return placed;
}

function placeByNeighbors(row, layer) {
  const width = layer.positions.length / layer.checks.length;
  const placeOf = (i) => Float64Array.from(layer.positions.subarray(i * width, (i + 1) * width));
  const { rows, squares } = nearestRows(shortRow(row, layer), layer);
  const own = equalRow(row, rows, layer);
  return own === undefined ? balanced(weightsOf(squares, layer.perplexity), rows.map(placeOf)) : placeOf(own);
}
