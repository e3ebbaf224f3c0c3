// The page's entry: the element [data-light-table] becomes a light table with the pictures named in it.
import { _ } from "../../static/js/words.js";
import { installComparing } from "./comparing";
import { installExplaining } from "./explaining";
import { installHandling } from "./handling";
import { Hanging, type Arrangement } from "./hanging";
import { installHelp } from "./help";
import { installMeasuring } from "./measure/measuring";
import { readPictures, type Picture } from "./pictures";
import type { PictureSource } from "./source";
import { installSavingPictures } from "./saving-pictures";
import { installStrip } from "./strip";
import { LightTable } from "./table";

declare global {
  interface Window {
    readonly pictureSource: PictureSource; // of early.ts
  }
  interface HTMLElement {
    lightTable?: LightTable;
    measuring?: ReturnType<typeof installMeasuring>;
  }
}

function start(): void {
  const element = document.querySelector<HTMLElement>("[data-light-table]");
  if (!element) return;
  const entries = [...element.querySelectorAll<HTMLButtonElement>("[data-picture]")];
  const pictures = readPictures(entries);
  const place = element.querySelector<HTMLElement>("[data-place]") ?? element;
  const source = window.pictureSource;
  try {
    element.lightTable = new LightTable(element, pictures, source);
  } catch (error) {
    showPreviewsOnly(place, pictures, (error as Error).message);
    return;
  }
  furnish(element.lightTable, element, place, entries);
}

function furnish(table: LightTable, element: HTMLElement, place: HTMLElement, entries: HTMLButtonElement[]): void {
  const mine = JSON.parse(element.dataset["hangings"] ?? "{}") as Record<string, Arrangement>;
  const hanging = new Hanging(table, mine, element.dataset["csrf"] ?? "");
  installHandling(table);
  installComparing(table, hanging);
  installStrip(table, entries);
  const { bench } = (element.measuring = installMeasuring(table, Number(element.dataset["study"])));
  if ("mayHandOver" in element.dataset) installSavingPictures(bench);
  installHelp(table);
  installExplaining(element);
  table.mount(place, bench.guide.live);
  element.append(bench.guide.element);
  requestAnimationFrame(() => void hanging.hang());
}

/** Without WebGL 2 there are still the previews, and the reason. */
function showPreviewsOnly(place: HTMLElement, pictures: Picture[], why: string): void {
  const note = document.createElement("p");
  note.setAttribute("role", "alert");
  note.textContent = _(why);
  const images = pictures.map((picture) => Object.assign(document.createElement("img"), { src: picture.preview, alt: picture.label }));
  place.replaceChildren(note, ...images);
}

start();
