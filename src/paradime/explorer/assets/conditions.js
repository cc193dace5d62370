// Conditions of exact constraints, in the same steps as in Python (paradime.explorer.conditions).

const SMALL_GAUGE = 1e-4;
const GAUGE_MARGIN = 1e-6;

// Returns a position whose coordinate on an axis is an increasing function of a column of the row.
function onAxis(position, row, { axis, column, knots, gaps, offset }) {
  const last = gaps.length - 1;
  let [along, whole] = [offset, 0];
  for (let i = 0; i <= last; i++) {
    let part = (row[column] - knots[i]) / (knots[i + 1] - knots[i]);
    // each part ends where the next begins, but for the ends, which go on
    if (i < last) part = Math.min(part, 1);
    if (i > 0) part = Math.max(part, 0);
    along += part * gaps[i];
    whole += gaps[i];
  }
  return position.map((value, j) => (j === axis ? along - whole / 2 : value));
}

// Returns a position whose coordinate on an axis is a linear function of the row.
function alongLine(position, row, { axis, center, weights, offset }) {
  let along = offset;
  for (let k = 0; k < weights.length; k++) along += (row[k] - center[k]) * weights[k];
  return position.map((value, j) => (j === axis ? along : value));
}

function inBox(position, row, { low, high, projected }) {
  return position.map((value, j) => {
    let within = value;
    if (!projected && Number.isFinite(low[j]) && Number.isFinite(high[j])) {
      const [middle, half] = [(low[j] + high[j]) / 2, (high[j] - low[j]) / 2];
      within = middle + half * Math.tanh((value - middle) / half);
    } else if (!projected && Number.isFinite(low[j])) within = low[j] + softplus(value - low[j]);
    else if (!projected && Number.isFinite(high[j])) within = high[j] - softplus(high[j] - value);
    return Math.min(Math.max(within, low[j]), high[j]);
  });
}

// Returns by what a disc or a polygon has to be scaled to reach as far as a direction from its centre.
function gaugeOf(direction, { radius, normals }) {
  if (radius !== undefined) return Math.hypot(...direction) / radius;
  let gauge = 0;
  for (let k = 0; k < normals.length; k += 2) gauge = Math.max(gauge, normals[k] * direction[0] + normals[k + 1] * direction[1]);
  return gauge;
}

function inStar(position, row, condition) {
  const { center, projected } = condition;
  const scaled = (place, factorOf) => {
    const direction = place.map((value, j) => value - center[j]);
    const factor = factorOf(gaugeOf(direction, condition));
    return direction.map((value, j) => center[j] + value * factor);
  };
  const led = projected ? position : scaled(position, (gauge) => (gauge > SMALL_GAUGE ? Math.tanh(gauge) / gauge : 1));
  return scaled(led, (gauge) => 1 / Math.max(1, gauge * (1 + GAUGE_MARGIN)));
}

const CONDITIONS = { attribute: onAxis, "linear axis": alongLine, box: inBox, disc: inStar, polygon: inStar };

// Evaluates layers for a row, and leads the position to where all conditions hold.
function conditioned(row, { layers, conditions }) {
  return conditions.reduce((position, condition) => CONDITIONS[condition.op](position, row, condition), runLayers(layers, row));
}
