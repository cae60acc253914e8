/** The treemap: tiles as large as their lines, coloured by the share of dead ones. */
function makeMap(program, place, crumbs, chosen) {
  const MOST = 90; // tiles; what is smaller is told together
  const GAP = 2;
  let node = program.opened(program.root);
  let selected = -1; // the module that was chosen

  /** Lay out areas in a rectangle, in rows as square as they get (Bruls, Huizing, van Wijk). */
  function squarify(sizes, x, y, width, height) {
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const boxes = [];
    let left = total;
    let from = 0;
    while (from < sizes.length && left > 0) {
      const side = Math.min(width, height);
      const scale = (width * height) / left;
      let sum = 0;
      let worst = Infinity;
      let to = from;
      while (to < sizes.length) {
        const next = sum + sizes[to];
        const thick = (next * scale) / side;
        const ratio = Math.max(
          thick / ((sizes[to] * scale) / thick), ((sizes[from] * scale) / thick) / thick);
        if (ratio > worst) break;
        worst = ratio;
        sum = next;
        to += 1;
      }
      const thick = (sum * scale) / side;
      let along = 0;
      for (; from < to; from += 1) {
        const long = (sizes[from] * scale) / thick;
        boxes.push(width >= height
          ? [x, y + along, thick, long] : [x + along, y, long, thick]);
        along += long;
      }
      if (width >= height) { x += thick; width -= thick; } else { y += thick; height -= thick; }
      left -= sum;
    }
    return boxes;
  }

  /** Tell what it is for the most part, where that it has few dead means little. */
  function mostly(one) {
    if (one.never * 2 > one.lines) return "never loaded";
    return one.unknown * 2 > one.lines ? "unknown" : "";
  }

  function shade(one) {
    const most = mostly(one);
    if (most) return most === "unknown" ? "du" : "dn";
    const share = one.dead / one.lines;
    return share === 0 ? "d0" : `d${Math.min(5, 1 + Math.floor(share * 5))}`;
  }

  function percent(one) {
    const told = mostly(one) || "dead";
    const some = { "never loaded": one.never, unknown: one.unknown, dead: one.dead }[told];
    if (told !== "dead" && some === one.lines) return told;
    const share = (100 * some) / one.lines;
    return `${share > 0 && share < 1 ? "<1" : Math.round(share)} % ${told}`;
  }

  function put(element, [x, y, width, height]) {
    element.style.left = `${x}px`;
    element.style.top = `${y}px`;
    element.style.width = `${Math.max(width - GAP, 1)}px`;
    element.style.height = `${Math.max(height - GAP, 1)}px`;
  }

  function tile(one, box) {
    const [, , width, height] = box;
    const button = make("button", `tile ${shade(one)}`);
    button.type = "button";
    put(button, box);
    const inside = one.kids.size ? ", opens" : "";
    const told = `${one.label}: ${percent(one)}, ${count(one.dead)} of ${count(one.lines, "line")}`;
    button.setAttribute("aria-label", told + inside);
    button.title = `${one.name}\n${told.slice(one.label.length + 2)}, `
      + `${count(one.deadFunctions)} of ${count(one.functions, "function")}`;
    if (!one.kids.size && one.own === selected) button.setAttribute("aria-current", "true");
    if (width > 44 && height > 20) {
      button.classList.add("named");
      button.append(make("b", "", one.label));
    }
    if (width > 76 && height > 42 && !(one.kids.size && height < 70)) {
      button.append(make("span", "", percent(one)));
    }
    if (one.kids.size && width > 90 && height > 80) {
      button.classList.add("frame"); // its colours are those of what is in it
      inner(button, one, width - GAP, height - GAP);
    }
    button.addEventListener("click", () => {
      if (one.kids.size) go(one); else choose(one);
    });
    return button;
  }

  /** Draw what is within a package, small, to be seen only. */
  function inner(button, one, width, height) {
    const tiles = program.below(one).slice(0, 40);
    const whole = tiles.reduce((sum, each) => sum + each.lines, 0);
    if (!whole) return;
    const boxes = squarify(tiles.map((each) => each.lines), 6, 44, width - 12, height - 50);
    boxes.forEach((box, at) => {
      if (box[2] < 3 || box[3] < 3) return;
      const small = make("i", shade(tiles[at]));
      put(small, box);
      if (box[2] > 50 && box[3] > 18) {
        small.textContent = tiles[at].label;
        small.classList.add("named");
      }
      button.append(small);
    });
  }

  function draw() {
    const width = place.clientWidth;
    const height = place.clientHeight;
    place.replaceChildren();
    const all = program.below(node);
    const tiles = all.slice(0, MOST);
    const rest = all.slice(MOST).reduce((sum, one) => sum + one.lines, 0);
    const sizes = tiles.map((one) => one.lines);
    if (rest) sizes.push(Math.min(rest, sizes[sizes.length - 1]));
    squarify(sizes, 0, 0, width, height).forEach((box, at) => {
      if (at < tiles.length) {
        place.append(tile(tiles[at], box));
      } else {
        const more = make("p", "tile more", `${count(all.length - MOST)} smaller`);
        put(more, box);
        place.append(more);
      }
    });
    if (!all.length) place.append(make("p", "muted", "No lines of functions in here."));
    [...place.querySelectorAll("button")].forEach((button, at) => {
      button.tabIndex = at ? -1 : 0;
    });
    drawCrumbs();
  }

  function drawCrumbs() {
    const way = [];
    for (let one = node; one; one = one.above) way.unshift(one);
    crumbs.replaceChildren(...way.map((one, at) => {
      const last = at === way.length - 1;
      const button = make("button", "plain", one.label);
      button.type = "button";
      if (last) button.setAttribute("aria-current", "page");
      button.addEventListener("click", () => go(one, true));
      return button;
    }));
    const told = `${count(node.dead)} dead of ${count(node.lines, "line")}`;
    crumbs.append(make("span", "muted", told));
  }

  function go(next, exactly) {
    node = exactly ? next : program.opened(next);
    selected = -1;
    draw();
    chosen(node.name, -1);
    const first = place.querySelector("button");
    if (first) first.focus({ preventScroll: true });
  }

  function choose(one) {
    selected = selected === one.own ? -1 : one.own;
    const at = [...place.children].indexOf(document.activeElement);
    draw();
    if (place.children[at]) place.children[at].focus({ preventScroll: true });
    chosen(node.name, selected);
  }

  place.addEventListener("keydown", (event) => {
    const buttons = [...place.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    if (event.key in steps && buttons.length) {
      const to = (at + steps[event.key] + buttons.length) % buttons.length;
      buttons.forEach((button, number) => { button.tabIndex = number === to ? 0 : -1; });
      buttons[to].focus();
      event.preventDefault();
    } else if (event.key === "Backspace" && node.above) {
      go(node.above, true);
      event.preventDefault();
    }
  });

  let width = 0;
  new ResizeObserver(() => {
    if (place.clientWidth !== width) {
      width = place.clientWidth;
      draw();
    }
  }).observe(place);

  return {
    reset() {
      node = program.opened(program.root);
      selected = -1;
      draw();
    },
  };
}
