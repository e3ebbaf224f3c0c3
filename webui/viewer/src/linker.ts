import { isTable, type Window } from "./facts";
import type { LightTable } from "./table";
import type { Viewport } from "./viewport";

/**
 * Does in all viewports what was done in the active one. Places are told in parts of the fitted image and windows in
 * parts of the image's own first window, so that pictures of other sizes and other units go along.
 */
export class Linker {
  on = false;
  private busy = false;

  constructor(private readonly table: LightTable) {
    table.addEventListener("placement", (event) => this.spread((event as CustomEvent<Viewport>).detail, place));
    table.addEventListener("appearance", (event) => this.spread((event as CustomEvent<Viewport>).detail, look));
  }

  private spread(from: Viewport, give: (from: Viewport, to: Viewport) => void): void {
    if (!this.on || this.busy || from !== this.table.active) return;
    this.busy = true;
    for (const viewport of this.table.visible) if (viewport !== from && viewport.facts) give(from, viewport);
    this.busy = false;
  }
}

function place(from: Viewport, to: Viewport): void {
  to.relativePlacement = from.relativePlacement;
}

function look(from: Viewport, to: Viewport): void {
  const invert = from.appearance.invert !== from.facts?.invert;
  to.setAppearance({ invert: invert !== to.facts?.invert, sharpen: from.appearance.sharpen });
  const [given, now] = [windowOf(from.facts?.voi?.[0]), windowOf(from.appearance.voi)];
  const [theirs, theirNow] = [windowOf(to.facts?.voi?.[0]), windowOf(to.appearance.voi)];
  if (!given || !now || !theirs || !theirNow) return;
  const width = (theirs.width * now.width) / given.width;
  const center = theirs.center + ((now.center - given.center) / given.width) * theirs.width;
  to.setAppearance({ voi: { ...theirNow, width, center } });
}

function windowOf(voi: object | undefined): Window | undefined {
  return voi && !isTable(voi) ? (voi as Window) : undefined;
}
