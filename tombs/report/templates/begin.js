"use strict";
/* The parts that follow make one script: program.js (what is known), map.js, table.js, source.js,
   and main.js, which joins them. Each gives one function or object; nothing else is shared. */

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
