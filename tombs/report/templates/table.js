/** The list of functions: found, sorted, and made into rows only where they are seen. */
function makeTable(program, open) {
  const ROW = 52; // pixels, as in the style sheet
  const BEYOND = 8; // rows made above and below those that are seen
  const HIGHEST = 12e6; // pixels that every browser can scroll
  const { data, modules, moduleOf, total } = program;
  const place = by("rows");
  const body = by("body");
  const table = by("table");

  const lines = (number) => {
    const module = modules[moduleOf[number]];
    return module.z[number - module.first] + 1;
  };
  const state = (number) => {
    const module = modules[moduleOf[number]];
    return Number(module.s[number - module.first]);
  };
  const change = (number) => {
    const module = modules[moduleOf[number]];
    const found = module.c && module.c[number - module.first];
    return found ? found[0] || Infinity : -1;
  };
  const watched = (number) => {
    const module = modules[moduleOf[number]];
    const at = number - module.first;
    return data.exposures[module.e && at in module.e ? module.e[at] : module.x].watched;
  };
  const tests = (number) => {
    const module = modules[moduleOf[number]];
    return module.t ? Number(module.t[number - module.first]) : 0;
  };
  const owner = (number) => {
    const owners = modules[moduleOf[number]].o;
    return owners ? data.owners[owners[0]] : "\uffff";
  };
  const name = (number) => {
    const module = modules[moduleOf[number]];
    return `${module.n}.${module.q[number - module.first]}`;
  };
  const has = (key) => modules.some((module) => module[key]);
  const COLUMNS = [
    { key: "name", label: "Function", value: name, first: 1 },
    { key: "state", label: "State", value: state, first: 1 },
    { key: "lines", label: "Lines", value: lines, first: -1, className: "num" },
    { key: "watched", label: "Watched", value: watched, first: -1, className: "extra" },
    { key: "tests", label: "Tests", value: tests, first: 1, className: "extra", off: !data.tests.length },
    { key: "owner", label: "Owner", value: owner, first: 1, className: "extra", off: !has("o") },
    { key: "change", label: "Last change", value: change, first: 1, className: "extra", off: !has("c") },
  ].filter((column) => !column.off);

  const wanted = { text: "", states: new Set(), tests: "", scope: "", module: -1 };
  let sorting = { key: "lines", way: -1 };
  let found = new Uint32Array(0);
  let active = 0;
  let drawn = [-1, -1];

  function within(module) {
    const scope = wanted.scope;
    return !scope || module.n === scope || module.n.startsWith(`${scope}.`);
  }

  function search() {
    const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = new Uint32Array(total);
    let length = 0;
    modules.forEach((module, at) => {
      if (wanted.module >= 0 ? wanted.module !== at : !within(module)) return;
      for (let inside = 0; inside < module.q.length; inside += 1) {
        const number = module.first + inside;
        if (!wanted.states.has(data.states[module.s[inside]])) continue;
        if (wanted.tests && data.tests[module.t[inside]] !== wanted.tests) continue;
        if (words.length) {
          const text = program.searched(number);
          if (!words.every((word) => text.includes(word))) continue;
        }
        shown[length] = number;
        length += 1;
      }
    });
    found = shown.slice(0, length);
    sort();
  }

  /** Sort by a column; equals stay in the order of modules and lines. */
  function sort() {
    const column = COLUMNS.find((one) => one.key === sorting.key);
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
    by("heads").replaceChildren(...COLUMNS.map((column) => {
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
        by("heads").querySelector(`[data-key=${column.key}]`).focus();
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
    cell.colSpan = COLUMNS.length;
    row.append(cell);
    return row;
  }

  function button(at) {
    return body.querySelector(`[data-at="${at}"]`);
  }

  function row(at) {
    const one = program.of(found[at]);
    const row = make("tr");
    row.setAttribute("aria-rowindex", at + 2);
    for (const column of COLUMNS) {
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
        cell.append(...written(column.key, one));
      }
      row.append(cell);
    }
    return row;
  }

  function written(key, one) {
    if (key === "state") return [badge(one.state)];
    if (key === "lines") return [count(one.last - one.first + 1)];
    if (key === "watched") {
      const { length, processes } = one.exposure;
      if (!length) return ["–"];
      return [make("b", "", length), make("span", "", `by ${count(processes, "process", "processes")}`)];
    }
    if (key === "tests") return [one.tests];
    if (key === "owner") return [one.owners.join(", ") || "–"];
    if (!one.change) return ["–"];
    return [make("b", "", day(one.change)), make("span", "", one.change.author)];
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

  return {
    wanted,
    search,
    get length() { return found.length; },
  };
}

/** Show a state, in colour and in words. */
function badge(state) {
  return make("span", `badge s-${state.replace(" ", "-")}`, state);
}

/** Write the day of a change. */
function day(change) {
  if (!change.when) return "not committed";
  return (change.earlier ? "≤ " : "") + new Date(change.when * 1000).toISOString().slice(0, 10);
}

/** Write how long ago a change was. */
function ago(change) {
  if (!change.when) return "not committed yet";
  const days = Math.max(Math.floor((Date.now() / 1000 - change.when) / 86400), 0);
  const told = days < 60 ? count(days, "day")
    : days < 730 ? count(Math.floor(days / 30.44), "month") : count(Math.floor(days / 365.25), "year");
  return `${told} ago${change.earlier ? " or more, where the history is cut off" : ""}`;
}
