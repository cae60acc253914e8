/** The functions of a program: which of them are listed, and what is said of each. */
function makeFunctions(program, open) {
  const { data, modules, moduleOf, total } = program;
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
  const columns = [
    { key: "name", label: "Function", value: name, first: 1 },
    { key: "state", label: "State", value: state, first: 1, cell: (one) => badge(one.state) },
    { key: "lines", label: "Lines", value: lines, first: -1, className: "num",
      cell: (one) => count(one.last - one.first + 1) },
    { key: "watched", label: "Watched", value: watched, first: -1, className: "extra",
      cell: (one) => exposed(one.exposure) },
    { key: "tests", label: "Tests", value: tests, first: 1, className: "extra",
      cell: (one) => one.tests, off: !data.tests.length },
    { key: "owner", label: "Owner", value: owner, first: 1, className: "extra",
      cell: (one) => one.owners.join(", ") || "–", off: !has("o") },
    { key: "change", label: "Last change", value: change, first: 1, className: "extra",
      cell: changed, off: !has("c") },
  ];
  const wanted = { text: "", states: new Set(), tests: "", scope: "", module: -1 };
  let found = 0;
  const show = makeTable(
    by("rows"), { columns, sorting: { key: "lines", way: -1 }, of: program.of }, open);

  function changed(one) {
    if (!one.change) return "–";
    return [make("b", "", day(one.change)), make("span", "", one.change.author)];
  }

  function within(module) {
    const scope = wanted.scope;
    return !scope || module.n === scope || module.n.startsWith(`${scope}.`);
  }

  function search() {
    const words = wordsOf(wanted.text);
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
    found = length;
    show(shown.slice(0, length));
  }

  return {
    wanted,
    search,
    get length() { return found; },
  };
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
