/** What the page was given, with changes numbered through. */
function readChanges(data) {
  const modules = data.modules;
  const { moduleOf } = numbered(modules);

  const BODIES = { s: "same", c: "changed", u: "unknown" };
  const pick = (module, key, at) => {
    const other = module[key.toUpperCase()];
    return other && at in other ? other[at] : module[key];
  };
  const state = (digit) => (digit === "-" ? "" : data.states[digit]);

  /** Give all that is known of one change. */
  function of(number) {
    const module = modules[moduleOf[number]];
    const at = number - module.first;
    return {
      number,
      module: module.n,
      name: module.q[at],
      kind: data.classes[module.k[at]],
      file: data.files[pick(module, "f", at)],
      first: module.a[at],
      last: module.a[at] + module.z[at],
      before: state(module.o[at]),
      now: state(module.s[at]),
      body: BODIES[module.b[at]] || "",
      remark: module.w && at in module.w ? data.remarks[module.w[at]] : "",
      entry: module.i && at in module.i ? data.entries[module.i[at]] : "",
      exposure: data.exposures[pick(module, "x", at)],
      exposureBefore: data.exposures[pick(module, "y", at)],
    };
  }

  /** Give the numbers of each class. */
  function byClass() {
    const found = data.classes.map(() => []);
    modules.forEach((module) => {
      for (let at = 0; at < module.k.length; at += 1) found[module.k[at]].push(module.first + at);
    });
    return found;
  }

  return { of, byClass };
}

(() => {
  const data = JSON.parse(by("data").textContent);
  document.documentElement.classList.add("script");
  if (!data.modules.length) return;
  const changes = readChanges(data);
  const detail = makeDetail();
  const said = (one) => [one.entry && `ignored ${one.entry}`, one.remark].filter(Boolean).join("; ");
  const watched = (one) => one.exposure || one.exposureBefore;
  const states = (one) => [one.now || "not there", one.before || "not there"];

  const columns = [
    { key: "name", label: "Function", first: 1,
      value: (number) => { const one = changes.of(number); return `${one.module}.${one.name}`; } },
    { key: "states", label: "State", first: 1,
      value: (number) => states(changes.of(number)).join(),
      cell: (one) => {
        const [now, before] = states(one);
        return [make("b", "", now), make("span", "", `was ${before}`)];
      } },
    { key: "place", label: "Place", first: 1, className: "extra",
      value: (number) => { const one = changes.of(number); return `${one.file}:${String(one.first).padStart(7, "0")}`; },
      cell: (one) => {
        const at = one.file.lastIndexOf("/") + 1;
        return [make("b", "", `${one.file.slice(at)}:${one.first}`), make("span", "", one.file.slice(0, at))];
      } },
    { key: "watched", label: "Watched", first: -1, className: "extra",
      value: (number) => { const found = watched(changes.of(number)); return found ? found.watched : -1; },
      cell: (one) => exposed(watched(one)) },
    { key: "remark", label: "Remark", first: 1, className: "extra",
      value: (number) => said(changes.of(number)) || "\uffff",
      cell: (one) => said(one) || "–" },
  ];

  function open(number, afterwards) {
    const one = changes.of(number);
    const { fact } = detail;
    const facts = [fact("class", one.kind)];
    const tell = (name, state, exposure) => facts.push(
      state ? fact(name, badge(state), ` ${exposure.told.join("; ")}`) : fact(name, "not there"));
    tell("before", one.before, one.exposureBefore);
    tell("now", one.now, one.exposure);
    facts.push(fact("where", make("code", "", `${one.file}:${one.first}–${one.last}`)));
    if (one.body) facts.push(fact("its code", one.body));
    if (one.remark) facts.push(fact("remark", one.remark));
    if (one.entry) facts.push(fact("ignored", one.entry));
    detail.open(one, facts, afterwards);
  }

  const all = changes.byClass();
  const sections = [...document.querySelectorAll("[data-class]")].map((place) => {
    const numbers = all[data.classes.indexOf(place.dataset.class)];
    const listing = { columns, sorting: { key: "name", way: 1 }, of: changes.of };
    return { place, numbers, show: makeTable(place, listing, open) };
  });

  const texts = new Map();
  function searched(number) {
    let text = texts.get(number);
    if (text === undefined) {
      const one = changes.of(number);
      text = `${one.module}.${one.name} ${one.file} ${said(one)}`.toLowerCase();
      texts.set(number, text);
    }
    return text;
  }

  function search(text) {
    const words = wordsOf(text);
    const fits = (number) => words.every((word) => searched(number).includes(word));
    let total = 0;
    for (const { place, numbers, show } of sections) {
      const found = words.length ? numbers.filter(fits) : numbers;
      total += found.length;
      show(Uint32Array.from(found));
      const section = place.closest("details");
      section.querySelector(".fitting").textContent = words.length
        ? `${count(found.length)} found` : "";
    }
    by("told").textContent = words.length ? `${count(total, "function")} found`
      : `${count(total, "function")} in ${count(sections.length, "class", "classes")}`;
  }

  for (const link of document.querySelectorAll(".classes a")) {
    link.addEventListener("click", () => {
      by(link.hash.slice(1)).open = true;
    });
  }

  whenSearched(search);
  search("");
})();
