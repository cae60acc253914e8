/** One function in full: what is known of it, and its file with the dead functions marked. */
function makeSource(program, detail) {
  const MOST = 4000; // lines shown at once; of a longer file those around the function
  const { data, modules } = program;

  function facts(one) {
    const rows = [detail.fact("state", badge(one.state), one.note ? ` ${one.note}` : "")];
    rows.push(detail.fact("evidence", one.exposure.told.join("; ")));
    rows.push(detail.fact("where", make("code", "", `${one.file}:${one.first}–${one.last}`)));
    if (one.tests) rows.push(detail.fact("tests", one.tests));
    if (one.change) {
      const { author, commit } = one.change;
      const told = one.change.when
        ? `${day(one.change)} by ${author}, ${ago(one.change)}` : ago(one.change);
      rows.push(detail.fact("last change", told, commit ? " " : "", make("code", "", commit)));
    }
    if (one.owners.length) rows.push(detail.fact("owner", one.owners.join(", ")));
    return rows;
  }

  /** Cut a line of source into its coloured parts. */
  function painter(file) {
    const parts = [...file.p.matchAll(/(\d+)(.)/g)].map(([, length, kind]) => [Number(length), kind]);
    let at = 0;
    let left = parts.length ? parts[0][0] : Infinity;
    /** Take so many characters: gives pairs of length and kind. */
    return function take(length) {
      const taken = [];
      while (length > 0) {
        const kind = at < parts.length ? parts[at][1] : ".";
        const now = Math.min(length, left);
        taken.push([now, kind]);
        length -= now;
        left -= now;
        if (left <= 0) {
          at += 1;
          left = at < parts.length ? parts[at][0] : Infinity;
        }
      }
      return taken;
    };
  }

  /** Tell of each line what it is: state of the innermost function, and of which it is the first. */
  function marks(module, lines) {
    const states = new Map();
    const firsts = new Map();
    const order = [...module.q.keys()].filter((at) => !(module.g && module.g.includes(at)));
    order.sort((a, b) => module.z[b] - module.z[a]); // inner ones are shorter, and come later
    for (const at of order) {
      const part = /<(lambda|genexpr)>$/.test(module.q[at]);
      const state = data.states[module.s[at]];
      if (!part) {
        const last = Math.min(module.a[at] + module.z[at], lines);
        for (let line = module.a[at]; line <= last; line += 1) {
          states.set(line, state);
        }
      }
      if (state !== "alive") {
        const here = firsts.get(module.a[at]) || [];
        here.push([module.q[at], state]);
        firsts.set(module.a[at], here);
      }
    }
    return { states, firsts };
  }

  function source(one) {
    const file = data.files[one.moduleNumber];
    const place = by("source");
    place.replaceChildren();
    place.hidden = false;
    if (!file || one.gone) {
      const why = one.gone ? "The source given has no such function any more."
        : Object.keys(data.files).length ? "The source of this file is not in this report."
          : "Made with --source DIR, the report shows the source here.";
      place.append(make("p", "muted", why));
      if (!file) return;
    }
    const lines = file.t.split("\n");
    if (lines[lines.length - 1] === "") lines.pop();
    const from = lines.length <= MOST ? 0 : Math.max(one.first - 1 - MOST / 2, 0);
    const to = Math.min(from + MOST, lines.length);
    const { states, firsts } = marks(modules[one.moduleNumber], lines.length);
    const take = painter(file);
    const code = make("div", "code");
    lines.forEach((text, at) => {
      const parts = take(text.length);
      take(1); // the line feed
      if (at < from || at >= to) return;
      code.append(line(at + 1, text, parts, states.get(at + 1), firsts.get(at + 1) || [], one));
    });
    if (to - from < lines.length) {
      place.append(make("p", "muted", `Lines ${from + 1} to ${to} of ${count(lines.length)}.`));
    }
    place.append(code);
  }

  function line(number, text, parts, state, firsts, one) {
    const row = make("div", "line");
    if (state && state !== "alive") row.classList.add(`s-${state.replace(" ", "-")}`);
    const own = !one.gone && number >= one.first && number <= one.last;
    if (own) row.classList.add("own");
    if (own && number === one.first) row.id = "here";
    row.append(make("span", "number", String(number)));
    const shown = make("code");
    let at = 0;
    for (const [length, kind] of parts) {
      const piece = text.slice(at, at + length);
      shown.append(kind === "." ? piece : make("span", `t-${kind}`, piece));
      at += length;
    }
    row.append(shown);
    for (const [name, told] of firsts) {
      const mark = make("span", `mark-${told.replace(" ", "-")} marked`);
      const short = name.replace(/^.*<locals>\./, "");
      mark.append(make("span", "hidden", `${short}: `), told);
      row.append(mark);
    }
    return row;
  }

  return function open(number, afterwards) {
    const one = program.of(number);
    source(one);
    detail.open(one, facts(one), () => {
      by("source").replaceChildren();
      afterwards();
    });
    const here = by("here");
    by("source").scrollTop = here ? Math.max(here.offsetTop - 48, 0) : 0;
  };
}
