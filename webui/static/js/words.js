// What scripts say, in the language of the page: the page hands over the words, and without them they are English.
const words = JSON.parse(document.querySelector("script[data-words]")?.textContent ?? "{}");

/** `text` in the page's language, with its {fields} filled in. */
export function _(text, fields = {}) {
  return (words[text] ?? text).replace(/\{(\w+)\}/g, (all, name) => String(fields[name] ?? all));
}
