/** The dialog that shows one function. */
function makeDetail() {
  const dialog = by("detail");
  let back = null;

  by("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
  dialog.addEventListener("close", () => {
    if (back) back();
  });

  return {
    /** Make a row of what is known. */
    fact(name, ...told) {
      const row = make("div");
      const value = make("dd");
      value.append(...told);
      row.append(make("dt", "", name), value);
      return row;
    },
    /** Show a function with its facts; afterwards something is done. */
    open(one, facts, afterwards) {
      back = afterwards;
      by("detail-module").textContent = one.module;
      by("detail-title").textContent = one.name;
      by("facts").replaceChildren(...facts);
      dialog.showModal();
      by("detail-title").focus();
    },
  };
}
