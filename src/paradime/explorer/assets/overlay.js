// The overlay: images, rings, the trail of a moved point, lassos.

const MOST_IMAGES = 220;
const overlay = $("overlay");
let overlayWaits = false;

function drawOverlay() {
  if (overlayWaits) return;
  overlayWaits = true;
  requestAnimationFrame(() => {
    overlayWaits = false;
    paintOverlay();
  });
}

function paintOverlay() {
  const { clientWidth: width, clientHeight: height } = overlay;
  const ratio = window.devicePixelRatio || 1;
  if (overlay.width !== Math.round(width * ratio) || overlay.height !== Math.round(height * ratio)) {
    overlay.width = Math.round(width * ratio);
    overlay.height = Math.round(height * ratio);
  }
  const pen = overlay.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  if (!state.frame) return;
  const toPixel = pixelMap();
  paintImages(pen, toPixel);
  paintMoved(pen, toPixel);
  paintEdits(pen, toPixel);
  if (state.trail.length) paintTrail(pen, toPixel);
  for (const [k, at] of state.placed.entries()) paintPlaced(pen, toPixel(...at), k + 1);
  if (state.picked !== null) paintRing(pen, toPixel(state.x[state.picked], state.y[state.picked]), cssColor("ink"), 2.5);
  if (state.hovered !== null) paintRing(pen, toPixel(state.x[state.hovered], state.y[state.hovered]), cssColor("ink"), 1.5);
  if (state.outline.length) paintOutline(pen);
}

// Images replace points if there is enough space.
function paintImages(pen, toPixel) {
  if (!described.images) return;
  const seen = [];
  const [[x0, x1], [y0, y1]] = state.view;
  for (let i = 0; i < state.n && seen.length <= MOST_IMAGES; i++) {
    const x = state.x[i], y = state.y[i];
    if (x > x0 && x < x1 && y > y0 && y < y1 && state.colorOf(i) !== null) seen.push([i, ...toPixel(x, y)]);
  }
  if (seen.length > MOST_IMAGES || (seen.length === state.n && state.n > 60)) return;
  const { width: w, height: h } = described.images;
  const side = seen.length > 80 ? 26 : 38;
  const factor = side / Math.max(w, h);
  pen.imageSmoothingEnabled = factor < 1;
  for (const [i, px, py] of seen) {
    const found = spriteOf(i);
    const { image } = found;
    if (!image.complete) continue;
    const [left, top] = [px - (w * factor) / 2, py - (h * factor) / 2];
    pen.drawImage(image, found.left, found.top, w, h, left, top, w * factor, h * factor);
    pen.strokeStyle = state.colorOf(i);
    pen.lineWidth = 2;
    pen.strokeRect(left, top, w * factor, h * factor);
  }
}

function paintRing(pen, [px, py], color, width) {
  pen.strokeStyle = color;
  pen.lineWidth = width;
  pen.beginPath();
  pen.arc(px, py, Math.max(state.pointSize, 5) + 3, 0, 2 * Math.PI);
  pen.stroke();
}

function paintTrail(pen, toPixel) {
  const places = state.trail.map((at) => toPixel(...at));
  pen.strokeStyle = cssColor("warm");
  pen.lineWidth = 1.8;
  pen.lineJoin = "round";
  pen.beginPath();
  places.forEach(([px, py], k) => (k ? pen.lineTo(px, py) : pen.moveTo(px, py)));
  pen.stroke();
  const [px, py] = places.at(-1);
  pen.fillStyle = cssColor("warm");
  pen.strokeStyle = cssColor("paper");
  pen.lineWidth = 2;
  pen.beginPath();
  pen.arc(px, py, 7, 0, 2 * Math.PI);
  pen.fill();
  pen.stroke();
}

function paintPlaced(pen, [px, py], number) {
  pen.fillStyle = cssColor("warm");
  pen.strokeStyle = cssColor("paper");
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(px, py - 8);
  pen.lineTo(px + 8, py);
  pen.lineTo(px, py + 8);
  pen.lineTo(px - 8, py);
  pen.closePath();
  pen.fill();
  pen.stroke();
  pen.font = "600 12px system-ui, sans-serif";
  pen.fillStyle = cssColor("ink");
  pen.fillText(number, px + 11, py + 4);
}

function paintOutline(pen) {
  pen.strokeStyle = cssColor("accent");
  pen.fillStyle = cssColor("accent");
  pen.lineWidth = 1.5;
  pen.beginPath();
  state.outline.forEach(([px, py], k) => (k ? pen.lineTo(px, py) : pen.moveTo(px, py)));
  pen.closePath();
  pen.stroke();
  pen.globalAlpha = 0.12;
  pen.fill();
  pen.globalAlpha = 1;
}

// -- images -------------------------------------------------------------------------------------------------

const sheetImages = new Map();

function spriteOf(i) {
  const { width, height, across, perSheet, sheets } = described.images;
  const sheet = Math.floor(i / perSheet);
  if (!sheetImages.has(sheet)) {
    const image = new Image();
    image.onload = drawOverlay;
    image.src = `data:image/png;base64,${blobText(sheets[sheet])}`;
    sheetImages.set(sheet, image);
    // a decoded sheet takes 16 MB: drop the least recently used ones
    if (sheetImages.size > 12) sheetImages.delete(sheetImages.keys().next().value);
  }
  const k = i % perSheet;
  return { image: sheetImages.get(sheet), left: (k % across) * width, top: Math.floor(k / across) * height };
}

function thumbnail(i, side) {
  const { width, height } = described.images;
  const { image, left, top } = spriteOf(i);
  const canvas = element("canvas", { class: "thumb", width, height, title: `row ${i}` });
  const factor = side / Math.max(width, height);
  Object.assign(canvas.style, { width: `${width * factor}px`, height: `${height * factor}px` });
  const draw = () => canvas.getContext("2d").drawImage(image, left, top, width, height, 0, 0, width, height);
  if (image.complete) draw();
  else image.addEventListener("load", draw, { once: true });
  return canvas;
}
