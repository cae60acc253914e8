/** What the page was given, with functions numbered through, and modules as a tree. */
function readProgram(data) {
  const modules = data.modules;
  const { total, moduleOf } = numbered(modules);

  const DEAD = data.states.indexOf("dead");
  const NEVER = data.states.indexOf("never loaded");
  const UNKNOWN = data.states.indexOf("unknown");

  /** Give all that is known of one function. */
  function of(number) {
    const module = modules[moduleOf[number]];
    const at = number - module.first;
    const change = module.c && module.c[at];
    const exposure = data.exposures[module.e && at in module.e ? module.e[at] : module.x];
    return {
      number,
      moduleNumber: moduleOf[number],
      module: module.n,
      file: module.f,
      name: module.q[at],
      first: module.a[at],
      last: module.a[at] + module.z[at],
      state: data.states[module.s[at]],
      note: module.w && at in module.w ? data.notes[module.w[at]] : "",
      tests: module.t ? data.tests[module.t[at]] : "",
      owners: (module.o || []).map((owner) => data.owners[owner]),
      exposure,
      gone: Boolean(module.g && module.g.includes(at)),
      change: change && {
        when: change[0], author: data.people[change[1]], commit: change[2], earlier: change[3],
      },
    };
  }

  const texts = new Array(modules.length);
  /** Give what a search looks through, in small letters. */
  function searched(number) {
    const module = modules[moduleOf[number]];
    let around = texts[moduleOf[number]];
    if (around === undefined) {
      const owners = (module.o || []).map((owner) => data.owners[owner]);
      around = [module.n.toLowerCase() + ".", ` ${module.f} ${owners.join(" ")}`.toLowerCase()];
      texts[moduleOf[number]] = around;
    }
    return around[0] + module.q[number - module.first].toLowerCase() + around[1];
  }

  /** Split a module's name; a script's is one part. */
  function parts(name) {
    return name.startsWith("__main__(") ? [name] : name.split(".");
  }

  function newNode(name, label, above) {
    return { name, label, above, kids: new Map(), own: -1, lines: 0, dead: 0, never: 0,
      unknown: 0, functions: 0, deadFunctions: 0 };
  }

  const root = newNode("", "everything", null);
  const nodes = new Map([["", root]]);
  modules.forEach((module, at) => {
    const lines = module.l.reduce((sum, some) => sum + some, 0);
    let deadFunctions = 0;
    for (const state of module.s) if (Number(state) === DEAD) deadFunctions += 1;
    let node = root;
    let name = "";
    const add = (one) => {
      one.lines += lines;
      one.dead += module.l[DEAD];
      one.never += module.l[NEVER];
      one.unknown += module.l[UNKNOWN];
      one.functions += module.q.length;
      one.deadFunctions += deadFunctions;
    };
    add(root);
    for (const part of parts(module.n)) {
      name = name ? `${name}.${part}` : part;
      let kid = node.kids.get(part);
      if (!kid) {
        kid = newNode(name, part, node);
        node.kids.set(part, kid);
        nodes.set(name, kid);
      }
      node = kid;
      add(node);
    }
    node.own = at;
    node.ownLines = lines;
  });

  /** Give the tiles of a node: what is below it, and the package's own module as `__init__`. */
  function below(node) {
    const found = [...node.kids.values()];
    if (node.own >= 0 && found.length) {
      const module = modules[node.own];
      const own = newNode(node.name, "__init__", node);
      own.own = node.own;
      own.lines = node.ownLines;
      own.dead = module.l[DEAD];
      own.never = module.l[NEVER];
      own.unknown = module.l[UNKNOWN];
      own.functions = module.q.length;
      for (const state of module.s) if (Number(state) === DEAD) own.deadFunctions += 1;
      found.push(own);
    }
    return found.filter((one) => one.lines).sort((a, b) => b.lines - a.lines);
  }

  /** Go down as long as there is only one way. */
  function opened(node) {
    let found = node;
    for (let tiles = below(found); tiles.length === 1 && tiles[0].kids.size; tiles = below(found)) {
      found = tiles[0];
    }
    return found;
  }

  return { data, modules, moduleOf, total, of, searched, root, nodes, below, opened, DEAD, NEVER };
}
