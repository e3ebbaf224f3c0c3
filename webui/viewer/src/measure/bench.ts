import { _ } from "../../../static/js/words.js";
import type { LightTable } from "../table";
import type { Viewport } from "../viewport";
import { definitionOf } from "./catalogue";
import { Guide } from "./guide";
import { History } from "./history";
import { Labels } from "./labels";
import { Loupe } from "./loupe";
import { Overlay } from "./overlay";
import { labelLines, Readings } from "./readings";
import { Sketchbook, type Drawing } from "./sketchbook";

/** What the measuring tools share: the drawings, their values, the guide, and one overlay a viewport. */
export class Bench {
  readonly history = new History();
  readonly book = new Sketchbook(this.history);
  readonly labels = new Labels(this.history);
  readonly readings = new Readings(this.book);
  readonly guide = new Guide();
  readonly loupe = new Loupe();
  private readonly overlays = new Map<Viewport, Overlay>();

  constructor(readonly table: LightTable) {
    for (const viewport of table.viewports) this.overlay(viewport);
    table.addEventListener("viewport", (event) => this.overlay((event as CustomEvent<Viewport>).detail));
  }

  overlay(viewport: Viewport): Overlay {
    const known = this.overlays.get(viewport);
    if (known) return known;
    const made = new Overlay(viewport, this.book, this.readings, this.labels);
    this.overlays.set(viewport, made);
    return made;
  }

  get allOverlays(): Overlay[] {
    return [...this.overlays.values()];
  }

  /** Say a drawing's values aloud. */
  announce(drawing: Drawing, viewport: Viewport): void {
    const lines = labelLines(drawing, this.readings.of(drawing, viewport));
    this.guide.say([_(definitionOf(drawing.kind)?.label ?? "Drawing"), ...lines].join(", "));
  }
}
