// The page's entry: the element [data-light-table] becomes a light table with the pictures named in it.
import { installComparing } from "./comparing";
import { installExplaining } from "./explaining";
import { installHandling } from "./handling";
import { Hanging, type Arrangement } from "./hanging";
import { installHelp } from "./help";
import { installMeasuring } from "./measure/measuring";
import { readPictures } from "./pictures";
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
  element.lightTable = new LightTable(element, pictures, window.pictureSource);
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

start();
