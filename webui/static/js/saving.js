// Forms with [data-save] are kept on the box at each pause in typing.
import { _ } from "./words.js";

const PAUSE_MS = 800;

export function keepSaved(root) {
  for (const form of root.querySelectorAll("form[data-save]")) {
    let timer = null;
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => save(form), PAUSE_MS);
    });
    form.addEventListener("submit", () => clearTimeout(timer));
    fillIn(form);
    showPrices(form);
  }
}

async function save(form) {
  const note = form.querySelector("[data-saved]");
  const fields = new FormData(form);
  fields.delete("password");
  fields.delete("files");
  try {
    const answer = await fetch(form.dataset.save, { method: "POST", body: fields, headers: { Accept: "application/json" } });
    const said = await answer.json();
    note.textContent = answer.ok ? _("Saved.") : said.message;
    if (said.missing) showMissing(form, said.missing);
  } catch {
    note.textContent = _("Not saved: the box does not answer.");
  }
}

function showMissing(form, missing) {
  for (const label of form.querySelectorAll("[data-field]")) {
    label.querySelector(".needed")?.classList.toggle("told", !missing.includes(label.dataset.field));
  }
}

// A template fills what is empty or still is a template's text; a block goes where the cursor was.
function fillIn(form) {
  const template = form.querySelector("[data-template]");
  let last = null;
  let filled = {};
  form.addEventListener("focusin", (event) => event.target.matches("textarea") && (last = event.target));
  const fill = () => {
    const chosen = template.selectedOptions[0].dataset;
    for (const name of ["findings", "impression", "recommendation"]) {
      const field = form.elements[name];
      if (field.value.trim() && field.value !== filled[name]) continue;
      filled[name] = field.value = chosen[name] ?? "";
    }
    if (chosen.language) form.elements.language.value = chosen.language;
    form.dispatchEvent(new Event("input"));
  };
  template?.addEventListener("change", fill);
  if (template?.selectedIndex > 0) fill(); // chosen before this script was here
  const block = form.querySelector("[data-block]");
  block?.addEventListener("change", () => {
    const field = last ?? form.elements.findings;
    field.setRangeText(block.value, field.selectionStart, field.selectionEnd, "end");
    block.selectedIndex = 0;
    field.focus();
    form.dispatchEvent(new Event("input"));
  });
}

function showPrices(form) {
  const reader = form.querySelector("[data-prices]");
  reader?.addEventListener("change", () => {
    const prices = JSON.parse(reader.dataset.prices)[reader.value] ?? {};
    for (const place of form.querySelectorAll("[data-price]")) place.textContent = prices[place.dataset.price] ?? "";
  });
}
