import type { Picture } from "./pictures";
import type { LightTable } from "./table";
import type { Viewport } from "./viewport";

const KIND = "application/x-bucky-picture";

/** The thumbnails: a click shows a picture in the active place, a drag in any place; what is on the table is marked. */
export function installStrip(table: LightTable, entries: readonly HTMLButtonElement[]): void {
  const pictures = new Map(entries.map((entry, number) => [entry, table.pictures[number] as Picture]));
  for (const [entry, picture] of pictures) {
    entry.hidden = !table.firsts.includes(picture);
    entry.draggable = true;
    entry.addEventListener("click", () => void table.active.show(picture));
    entry.addEventListener("dragstart", (event) => event.dataTransfer?.setData(KIND, String(picture.id)));
  }
  const receive = (viewport: Viewport): void => {
    const { element } = viewport;
    element.addEventListener("dragover", (event) => event.dataTransfer?.types.includes(KIND) && event.preventDefault());
    element.addEventListener("drop", (event) => {
      const dropped = table.pictures.find((picture) => String(picture.id) === event.dataTransfer?.getData(KIND));
      if (!dropped) return;
      event.preventDefault();
      table.activate(viewport);
      void viewport.show(dropped);
    });
  };
  table.viewports.forEach(receive);
  table.addEventListener("viewport", (event) => receive((event as CustomEvent<Viewport>).detail));
  const mark = (): void => {
    const shown = new Set(table.visible.map((viewport) => viewport.picture?.stack));
    for (const [entry, picture] of pictures) entry.setAttribute("aria-pressed", String(shown.has(picture.stack)));
  };
  for (const change of ["wanted", "layout"]) table.addEventListener(change, mark);
}
