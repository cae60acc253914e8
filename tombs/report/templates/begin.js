"use strict";
/* The parts that follow make one script, and the last joins them. Of a report: program.js (what is
   known), map.js, table.js and functions.js, detail.js and source.js, main.js. Of a diff: table.js,
   detail.js, changes.js. Each gives one function or a few; nothing else is shared. */

/** Make an element. Text is always put in as text. */
function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Find the element of an id. */
function by(id) {
  return document.getElementById(id);
}

/** Write a number as people do. */
function count(number, one, many) {
  const written = number.toLocaleString("en-US");
  return one ? `${written} ${number === 1 ? one : many || one + "s"}` : written;
}

/** Show a state, in colour and in words. */
function badge(state) {
  return make("span", `badge s-${state.replace(" ", "-")}`, state);
}

/** Show how long a function was watched, and by how many processes. */
function exposed(exposure) {
  if (!exposure || !exposure.length) return "–";
  const by = `by ${count(exposure.processes, "process", "processes")}`;
  return [make("b", "", exposure.length), make("span", "", by)];
}

/** Split what is searched for; every word must be found. */
function wordsOf(text) {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

/** Let a search act a frame after the last letter. */
function whenSearched(act) {
  let waiting = 0;
  by("search").addEventListener("input", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => act(by("search").value));
  });
  by("filters").addEventListener("submit", (event) => event.preventDefault());
}

/** Number the functions of all modules through: how many there are, and whose each is. */
function numbered(modules) {
  let total = 0;
  for (const module of modules) {
    module.first = total;
    total += module.q.length;
  }
  const moduleOf = new Uint32Array(total);
  modules.forEach((module, at) => moduleOf.fill(at, module.first, module.first + module.q.length));
  return { total, moduleOf };
}
