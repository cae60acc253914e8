/** A list of functions, sorted, and made into rows only where they are seen. `listing` has the
    columns (key, label, value of a number to sort by, first way to sort, cell of one: what is shown
    of a function), how it is sorted at first, and `of`, which tells of a number what is known. */
function makeTable(place, listing, open) {
  const ROW = 52; // pixels, as in the style sheet
  const BEYOND = 8; // rows made above and below those that are seen
  const HIGHEST = 12e6; // pixels that every browser can scroll
  const table = place.querySelector("table");
  const heads = table.tHead.rows[0];
  const body = table.tBodies[0];
  const columns = listing.columns.filter((column) => !column.off);
  let sorting = listing.sorting;
  let found = new Uint32Array(0);
  let active = 0;
  let drawn = [-1, -1];

  /** Sort by a column; equals stay in the order of modules and lines. */
  function sort() {
    const column = columns.find((one) => one.key === sorting.key);
    const values = new Map();
    for (const number of found) values.set(number, column.value(number));
    found.sort((a, b) => {
      const left = values.get(a);
      const right = values.get(b);
      return (left < right ? -1 : left > right ? 1 : 0) * sorting.way || a - b;
    });
    active = 0;
    place.scrollTop = 0;
    table.setAttribute("aria-rowcount", found.length + 1);
    drawHeads();
    draw(true);
  }

  function drawHeads() {
    heads.replaceChildren(...columns.map((column) => {
      const head = make("th", `c-${column.key} ${column.className || ""}`);
      head.scope = "col";
      const on = column.key === sorting.key;
      if (on) head.setAttribute("aria-sort", sorting.way > 0 ? "ascending" : "descending");
      const button = make("button", "plain", column.label);
      button.type = "button";
      button.dataset.key = column.key;
      const arrow = make("span", "arrow", on ? (sorting.way > 0 ? "↑" : "↓") : "");
      arrow.setAttribute("aria-hidden", "true");
      button.append(arrow);
      button.addEventListener("click", () => {
        sorting = { key: column.key, way: on ? -sorting.way : column.first };
        sort();
        heads.querySelector(`[data-key=${column.key}]`).focus();
      });
      head.append(button);
      return head;
    }));
  }

  /** Tell the rows that can be seen. Of millions not all can be scrolled to. */
  function seen() {
    const most = Math.min(found.length, Math.floor(HIGHEST / ROW));
    const first = Math.max(Math.floor(place.scrollTop / ROW) - BEYOND, 0);
    const last = Math.min(first + Math.ceil(place.clientHeight / ROW) + 2 * BEYOND, most);
    return [Math.min(first, last), last, most];
  }

  function spacer(rows) {
    const row = make("tr", "spacer");
    row.setAttribute("aria-hidden", "true");
    row.style.height = `${rows * ROW}px`;
    return row;
  }

  function draw(again) {
    const [first, last, most] = seen();
    if (!again && first === drawn[0] && last === drawn[1]) return;
    const held = body.contains(document.activeElement);
    drawn = [first, last];
    const rows = first ? [spacer(first)] : [];
    for (let at = first; at < last; at += 1) rows.push(row(at));
    if (last < most) rows.push(spacer(most - last));
    if (!found.length) rows.push(empty());
    body.replaceChildren(...rows);
    if (held) (button(active) || place).focus({ preventScroll: true });
  }

  function empty() {
    const row = make("tr", "none");
    const cell = make("td", "", "No function fits. Other words, or more states, may find some.");
    cell.colSpan = columns.length;
    row.append(cell);
    return row;
  }

  function button(at) {
    return body.querySelector(`[data-at="${at}"]`);
  }

  function row(at) {
    const one = listing.of(found[at]);
    const row = make("tr");
    row.setAttribute("aria-rowindex", at + 2);
    for (const column of columns) {
      const cell = make(column.key === "name" ? "th" : "td", column.className);
      if (column.key === "name") {
        cell.scope = "row";
        const link = make("button", "plain function");
        link.type = "button";
        link.dataset.at = at;
        link.tabIndex = at === active ? 0 : -1;
        link.append(make("b", "", one.name), make("span", "", one.module));
        link.title = `${one.module}.${one.name}`;
        cell.append(link);
      } else {
        cell.append(...[column.cell(one)].flat());
      }
      row.append(cell);
    }
    return row;
  }

  function move(to) {
    active = Math.max(0, Math.min(to, Math.min(found.length, Math.floor(HIGHEST / ROW)) - 1));
    const top = active * ROW;
    const room = place.clientHeight - table.tHead.offsetHeight;
    if (top < place.scrollTop) place.scrollTop = top;
    else if (top + ROW > place.scrollTop + room) place.scrollTop = top + ROW - room;
    draw(true);
    const target = button(active);
    if (target) target.focus({ preventScroll: true });
  }

  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr[aria-rowindex]");
    if (!row) return;
    active = Number(row.getAttribute("aria-rowindex")) - 2;
    open(found[active], () => { draw(true); (button(active) || place).focus(); });
  });
  place.addEventListener("keydown", (event) => {
    const page = Math.max(Math.floor(place.clientHeight / ROW) - 2, 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    const ends = { Home: 0, End: found.length - 1 };
    const inside = body.contains(document.activeElement);
    if (event.key in steps) move(inside ? active + steps[event.key] : active);
    else if (event.key in ends) move(ends[event.key]);
    else return;
    event.preventDefault();
  });
  place.addEventListener("scroll", () => draw(false), { passive: true });
  new ResizeObserver(() => draw(true)).observe(place);

  return function show(numbers) {
    found = numbers;
    sort();
  };
}
