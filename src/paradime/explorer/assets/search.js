// Searches for a text in columns of classes and texts, for a number in numeric columns, or for a row.

function hitsOf(query) {
  const wanted = query.trim().toLowerCase();
  if (!wanted) return null;
  if (/^#\d+$/.test(wanted)) {
    const row = Number(wanted.slice(1));
    return row < state.n ? Uint32Array.of(row) : new Uint32Array();
  }
  const number = Number(wanted);
  const found = new Uint8Array(state.n);
  for (const column of state.columns) {
    if (column.kind === "category") {
      const matches = column.names.map((name) => name !== null && name.toLowerCase().includes(wanted));
      if (matches.some(Boolean)) for (let i = 0; i < state.n; i++) found[i] |= matches[column.codes[i]];
    } else if (column.kind === "text") {
      for (let i = 0; i < state.n; i++) if (!found[i] && column.value(i).toLowerCase().includes(wanted)) found[i] = 1;
    } else if (column.feature === undefined && Number.isFinite(number)) {
      // compare in single precision, the precision of the column
      const single = column.data instanceof Float32Array ? Math.fround(number) : number;
      for (let i = 0; i < state.n; i++) found[i] |= column.data[i] === single;
    }
  }
  const rows = [];
  for (let i = 0; i < state.n; i++) if (found[i]) rows.push(i);
  return Uint32Array.from(rows);
}

function listenToSearch() {
  const field = $("search");
  let timer = 0, turn = -1, asked = "";
  const search = () => {
    if (field.value === asked) return;
    asked = field.value;
    turn = -1;
    state.hits = hitsOf(asked);
    $("hits").textContent = state.hits ? `${LARGE.format(state.hits.length)} found` : "";
    $("select-hits").hidden = !state.hits?.length;
    drawPoints();
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 150);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      search();
      if (!state.hits?.length) return;
      // go to the next hit
      turn = (turn + 1) % state.hits.length;
      pick(state.hits[turn]);
      centerOn(state.hits[turn]);
    } else if (event.key === "Escape") {
      field.value = "";
      search();
    }
  });
  $("select-hits").onclick = () => {
    const rows = state.hits;
    field.value = "";
    search();
    select(rows);
  };
}
