// The trained network as plain layers, evaluated for single rows in double precision.

const ERF = [-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277];

function erf(x) {
  const t = 1 / (1 + Math.abs(x) / 2);
  const tail = t * Math.exp(-x * x + ERF.reduceRight((sum, factor) => sum * t + factor, 0));
  return x < 0 ? tail - 1 : 1 - tail;
}

const softplus = (x) => (x > 20 ? x : Math.log1p(Math.exp(x)));

const ACTIVATIONS = {
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  identity: (x) => x,
  "leaky relu": (x) => (x > 0 ? x : 0.01 * x),
  mish: (x) => x * Math.tanh(softplus(x)),
  relu: (x) => (x > 0 ? x : 0),
  selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  silu: (x) => x / (1 + Math.exp(-x)),
  softplus,
  tanh: Math.tanh,
};

function linear(row, { weight, bias }) {
  const width = row.length;
  const result = new Float64Array(bias.length);
  for (let i = 0, k = 0; i < result.length; i++) {
    let sum = bias[i];
    for (let j = 0; j < width; j++, k++) sum += weight[k] * row[j];
    result[i] = sum;
  }
  return result;
}

function softClip(row, { center, low, high, reach }) {
  return row.map((value, j) => {
    const centered = value - center[j];
    const within = Math.min(Math.max(centered, low[j]), high[j]);
    const excess = centered - within;
    return excess === 0 ? within : within + Math.sign(excess) * reach[j] * Math.log1p(Math.abs(excess) / reach[j]);
  });
}

function centers(row, layer) {
  const shares = linear(row, layer);
  const largest = shares.reduce((a, b) => Math.max(a, b), -Infinity);
  let sum = 0;
  for (let i = 0; i < shares.length; i++) sum += shares[i] = Math.exp(shares[i] - largest);
  const result = new Float64Array(row.length + shares.length);
  result.set(row);
  for (let i = 0; i < shares.length; i++) result[row.length + i] = (shares[i] / sum) * layer.factor;
  return result;
}

function normalize(row, { weight, bias, eps }) {
  const mean = row.reduce((a, b) => a + b, 0) / row.length;
  const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
  const factor = 1 / Math.sqrt(variance + eps);
  return row.map((value, j) => (value - mean) * factor * weight[j] + bias[j]);
}

const OPERATIONS = {
  linear,
  place: placeByNeighbors,
  soft_clip: softClip,
  centers,
  normalize,
  conditioned,
  scale: (row, { center, weight, bias }) => row.map((value, j) => (value - center[j]) * weight[j] + bias[j]),
  activate: (row, { name }) => row.map(ACTIVATIONS[name]),
  residual: (row, { layers }) => {
    const result = runLayers(layers, row);
    return row.map((value, j) => value + result[j]);
  },
};

// Returns the position of a row of features, which are read in the precision in which the routine reads them.
function place(network, row) {
  return runLayers(network.layers, Float64Array.from(network.double ? row : Float32Array.from(row)));
}

function runLayers(layers, row) {
  return layers.reduce((values, layer) => OPERATIONS[layer.op](values, layer), row);
}
