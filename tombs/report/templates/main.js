(() => {
  const data = JSON.parse(by("data").textContent);
  document.documentElement.classList.add("script");
  if (!data.modules.length) return;
  const program = readProgram(data);
  const table = makeFunctions(program, makeSource(program, makeDetail()));
  const { wanted } = table;

  const present = data.states.filter((state, at) =>
    data.modules.some((module) => module.s.includes(String(at))));
  const usual = present.includes("dead") ? ["dead"] : present;

  function show() {
    table.search();
    const where = wanted.module >= 0 ? data.modules[wanted.module].n : wanted.scope;
    by("told").textContent = `${count(table.length, "function")}${where ? ` in ${where}` : ""}`;
    const all = !wanted.text && !where && !wanted.tests && present.every((one) => wanted.states.has(one));
    by("clear").hidden = all;
  }

  const boxes = present.map((state) => {
    const label = make("label", "choice");
    const box = make("input");
    box.type = "checkbox";
    box.value = state;
    box.checked = usual.includes(state);
    box.addEventListener("change", () => {
      if (box.checked) wanted.states.add(state); else wanted.states.delete(state);
      show();
    });
    label.append(box, badge(state));
    by("states").append(label);
    if (box.checked) wanted.states.add(state);
    return box;
  });

  if (data.tests.length) {
    by("tests-label").hidden = false;
    const choice = by("tests");
    for (const name of ["", ...data.tests]) {
      const option = make("option", "", name || "any");
      option.value = name;
      choice.append(option);
    }
    choice.addEventListener("change", () => {
      wanted.tests = choice.value;
      show();
    });
  }

  whenSearched((text) => {
    wanted.text = text;
    show();
  });

  const map = makeMap(program, by("map"), by("crumbs"), (scope, module) => {
    wanted.scope = scope;
    wanted.module = module;
    show();
  });

  by("clear").addEventListener("click", () => {
    wanted.text = "";
    by("search").value = "";
    wanted.tests = "";
    by("tests").value = "";
    wanted.scope = "";
    wanted.module = -1;
    for (const box of boxes) {
      box.checked = true;
      wanted.states.add(box.value);
    }
    map.reset();
    show();
    by("search").focus();
  });

  show();
})();
