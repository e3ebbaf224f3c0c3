import { _ } from "../../static/js/words.js";
import type { LightTable } from "./table";

const NAMES: Record<string, string> = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", PageUp: "Page Up", PageDown: "Page Down" };

/** A list of everything that has a key, opened by "?". */
export function installHelp(table: LightTable): void {
  const dialog = document.createElement("dialog");
  dialog.className = "help-keys";
  dialog.setAttribute("aria-label", _("Keys of the light table"));
  table.element.append(dialog);
  const open = (): void => {
    const title = document.createElement("h2");
    title.textContent = _("Keys");
    const list = document.createElement("dl");
    for (const { key, label, hint } of table.keys) {
      const term = document.createElement("dt");
      term.append(Object.assign(document.createElement("kbd"), { textContent: NAMES[key] ?? key.toUpperCase() }), ` ${_(label)}`);
      list.append(term, Object.assign(document.createElement("dd"), { textContent: _(hint) }));
    }
    const close = Object.assign(document.createElement("button"), { textContent: _("Close"), autofocus: true });
    close.addEventListener("click", () => dialog.close());
    dialog.replaceChildren(close, title, list);
    dialog.showModal();
  };
  dialog.addEventListener("close", () => table.active.element.focus());
  table.addCommand(
    { id: "help", label: "Keys", hint: "All tools and what their keys are.", key: "?", icon: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 18v.5", run: open },
    { group: "keep" },
  );
}
