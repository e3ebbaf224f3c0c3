// A form with [data-draft] survives a reload: what was typed is kept in this browser until it is sent.
export function keepDrafts(root) {
  for (const form of root.querySelectorAll("form[data-draft]")) {
    const key = `draft-${form.dataset.draft}`;
    const fields = [...form.querySelectorAll("textarea")];
    const kept = JSON.parse(sessionStorage.getItem(key) ?? "{}");
    for (const field of fields) if (!field.value) field.value = kept[field.name] ?? "";
    form.addEventListener("input", () => {
      sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(fields.map((f) => [f.name, f.value]))));
    });
    form.addEventListener("submit", () => sessionStorage.removeItem(key));
  }
}
