// Colours of classes and numbers, on light and dark background.

const SCALES = {
  // lightness is linear in the value; on a dark background, high values are light
  light: [[0, "#c4ece4"], [0.237, "#4fc4bd"], [0.704, "#10626e"], [1, "#0a2a3c"]],
  dark: [[0, "#1f4552"], [0.35, "#10808a"], [0.7, "#4fc4bd"], [1, "#d9f5ef"]],
};
const UNKNOWN = { light: "#b4bdc2", dark: "#56646c" };

const themeNow = () => document.documentElement.dataset.theme;
const cssColor = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = theme === "dark" ? "Light" : "Dark";
}

const channels = (color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));

function mixed(color, other, weight) {
  const [a, b] = [channels(color), channels(other)];
  return "#" + a.map((value, i) => Math.round(value * (1 - weight) + b[i] * weight).toString(16).padStart(2, "0")).join("");
}

const lightness = (color) => {
  const [r, g, b] = channels(color);
  return (0.299 * r + 0.587 * g + 0.114 * b) / 255;
};

// The palette; each further round uses another shade. Dark colours are lightened on a dark background.
function classColor(i) {
  const { palette } = described;
  const cycle = Math.floor(i / palette.length) % 3;
  const color = mixed(palette[i % palette.length], cycle === 1 ? "#ffffff" : "#000000", [0, 0.5, 0.4][cycle]);
  const lack = 0.42 - lightness(color);
  return themeNow() === "dark" && lack > 0 ? mixed(color, "#ffffff", Math.min(0.6, lack * 1.5)) : color;
}

// Returns the colour at a fraction in [0, 1] of a scale.
function scaleColor(share) {
  const scale = SCALES[themeNow()];
  const i = Math.max(1, scale.findIndex(([place]) => share <= place));
  const [[low, from], [high, to]] = [scale[i - 1], scale[i]];
  return mixed(from, to, Math.min(1, Math.max(0, (share - low) / (high - low))));
}
