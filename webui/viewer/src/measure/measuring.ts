// Puts measuring, looks and keeping on a light table.
import { _ } from "../../../static/js/words.js";
import type { LightTable } from "../table";
import type { Command } from "../tool";
import type { Viewport } from "../viewport";
import { AdjustingTool } from "./adjusting";
import { Bench } from "./bench";
import { MENUS } from "./catalogue";
import { Keeping, type Presentation } from "./keeping";
import { installLooks, watchViews } from "./looks";
import { PlacingTool } from "./placing";

/** Add the tools; the drawings come from and go to `study`. */
export function installMeasuring(table: LightTable, study: number): { bench: Bench; keeping: Keeping } {
  const bench = new Bench(table);
  const keeping = new Keeping(bench, study);
  installLooks(bench);
  for (const [menu, definitions] of MENUS) for (const definition of definitions) table.addTool(new PlacingTool(definition, bench), { group: "measure", menu });
  const [undo, ...edit] = drawingCommands(bench);
  table.addCommand(undo as Command, { group: "measure" });
  table.addTool(new AdjustingTool(bench), { group: "measure", menu: "Edit" });
  for (const command of edit) table.addCommand(command, { group: "measure", menu: "Edit" });
  const [save, ...mark] = keepingCommands(keeping);
  table.addCommand(save as Command, { group: "keep" });
  for (const command of mark) table.addCommand(command, { group: "keep", menu: "Keep" });
  watchViews(bench);
  showPresentations(bench, keeping);
  bench.history.addEventListener("change", () => table.toolbar.refresh());
  keeping.addEventListener("change", () => table.toolbar.refresh());
  void keeping.load();
  return { bench, keeping };
}

function drawingCommands(bench: Bench): Command[] {
  const { book, history } = bench;
  const remove = (): void => {
    if (book.chosen && !book.chosen.origin) book.remove(book.chosen.uid);
  };
  const toggle = (): void => {
    for (const overlay of bench.allOverlays) Object.assign(overlay, { hidden: !overlay.hidden }).drawSoon();
  };
  return [
    { id: "undo", label: "Undo", hint: "Take the last change back.", key: "ctrl+z", icon: "M9 7 4 12l5 5M4 12h10a6 6 0 0 1 6 6", run: () => history.undo() },
    { id: "redo", label: "Redo", hint: "Do again what was taken back.", key: "ctrl+y", icon: "M15 7l5 5-5 5M20 12H10a6 6 0 0 0-6 6", run: () => history.redo() },
    { id: "delete", label: "Delete", hint: "Delete the chosen drawing.", key: "Delete", icon: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13", run: remove },
    { id: "hide-drawings", label: "Hide drawings", hint: "Show the picture without drawings; press again to show them.", key: ".", icon: "M3 12s3.5-6 9-6 9 6 9 6-3.5 6-9 6-9-6-9-6zM4 20 20 4", run: toggle, isOn: (viewport) => bench.overlay(viewport).hidden },
  ];
}

function keepingCommands(keeping: Keeping): Command[] {
  const key = ({ picture }: Viewport): number => picture?.id ?? 0;
  return [
    { id: "save", label: "Save drawings", hint: "Put drawings and key images into the study; they go to the reader with it.", key: "ctrl+s", icon: "M5 4h11l3 3v13H5zM8 4v5h7V4M8 20v-6h8v6", run: () => void keeping.save(), isOn: () => keeping.isDirty },
    { id: "key-image", label: "Key image", hint: "Mark this picture as a key image, or take the mark away.", key: ",", icon: "M12 4l2.4 5 5.6.8-4 3.9.9 5.5-4.9-2.6-4.9 2.6.9-5.5-4-3.9 5.6-.8z", run: (viewport) => keeping.toggleKey(key(viewport)), isOn: (viewport) => keeping.keys.has(key(viewport)) },
    { id: "keep-view", label: "Keep this look", hint: "Save window, turn, flip and zoom of this picture; it opens like this from then on. The original stays as it is.", icon: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M9 12l2 2 4-4", run: (viewport) => (keeping.noteView(viewport), void keeping.save()) },
  ];
}

/** What the clinic itself kept is shown at once; what others made can be chosen on the picture. */
function showPresentations(bench: Bench, keeping: Keeping): void {
  const { table } = bench;
  const chosen = new Set<string>();
  const present = (viewport: Viewport): void => {
    const offers = keeping.presentationsOf(viewport);
    const own = offers.find((presentation) => presentation.own);
    const once = `${viewport.picture?.id} ${table.viewports.indexOf(viewport)}`;
    if (own && viewport.facts && !chosen.has(once)) {
      chosen.add(once);
      keeping.apply(own, viewport);
    }
    offer(viewport, offers, keeping, bench);
  };
  table.addEventListener("shown", (event) => present((event as CustomEvent<Viewport>).detail));
  keeping.addEventListener("change", () => table.viewports.forEach(present));
}

/** A list in the corner of the viewport: as received, or as a presentation state says. */
function offer(viewport: Viewport, offers: readonly Presentation[], keeping: Keeping, bench: Bench): void {
  const known = viewport.element.querySelector<HTMLSelectElement>(".presentations");
  const names = offers.map(({ id }) => id).join();
  if (known?.dataset["names"] === names) return;
  known?.remove();
  if (!offers.length) return;
  const list = document.createElement("select");
  list.className = "presentations";
  list.dataset["names"] = names;
  list.setAttribute("aria-label", _("How this picture is shown"));
  list.append(new Option(_("As received"), ""), ...offers.map(({ id, label, by }) => new Option(`${label} · ${by}`, String(id))));
  list.value = String(offers.find(({ own }) => own)?.id ?? "");
  list.addEventListener("change", () => {
    const one = offers.find(({ id }) => String(id) === list.value);
    if (one) keeping.apply(one, viewport);
    else {
      viewport.reset();
      bench.overlay(viewport).showForeign(undefined, []);
    }
  });
  viewport.element.append(list);
}
