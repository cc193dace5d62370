// The data of the page: a description as JSON, and blobs as base64.

const described = JSON.parse(document.getElementById("described").textContent);
const $ = (id) => document.getElementById(id);
const blobText = (i) => $(`blob-${i}`).textContent;

function bytesOf(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflated(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

// Converts numbers in half precision, by a table of all of them; not all browsers have an array for them.
function fromHalf(halves) {
  const table = Float32Array.from({ length: 1 << 16 }, (_, bits) => {
    const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
  });
  return Float32Array.from(halves, (bits) => table[bits]);
}

// Replaces every { blob, type } in the description by its array.
async function loadArrays(value) {
  if (value === null || typeof value !== "object") return value;
  if ("blob" in value) {
    const bytes = await inflated(blobText(value.blob));
    return value.type === "Half" ? fromHalf(new Uint16Array(bytes)) : new globalThis[`${value.type}Array`](bytes);
  }
  const keys = Object.keys(value);
  const loaded = await Promise.all(keys.map((key) => loadArrays(value[key])));
  const result = Array.isArray(value) ? [] : {};
  keys.forEach((key, i) => { result[key] = loaded[i]; });
  return result;
}

// Creates an element; texts are set as text content, so that data are never interpreted as markup.
function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "class") made.className = value;
    else if (name === "text") made.textContent = value;
    else if (name === "style") Object.assign(made.style, value);
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Scrolls the panel beside the map to an element; a panel below the map stays, so that the map does not leave the window.
function revealInPanel(shown, block) {
  if (getComputedStyle(shown.closest("aside")).overflowY === "auto") shown.scrollIntoView({ block });
}

function download(name, content, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
