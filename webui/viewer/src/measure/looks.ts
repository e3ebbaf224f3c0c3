// Tools that change how a picture looks: presets by body region, window by region, magnifier, sharpening.
import { _ } from "../../../static/js/words.js";
import type { Facts, Voi } from "../facts";
import type { Command, Gesture, Tool } from "../tool";
import type { Viewport } from "../viewport";
import type { Bench } from "./bench";
import { rectangleFrame, rectangleFromBox, statistics } from "./region";
import { samplerOf } from "./readings";

const SAMPLES = 200_000;
const MAGNIFY = 2;

/** Shares of the values between which a radiograph is spread, from black to white. */
const RADIOGRAPH_LOOKS: readonly (readonly [string, number, number])[] = [
  ["Automatic", 0.01, 0.99],
  ["Thorax", 0.02, 0.9],
  ["Abdomen", 0.1, 0.98],
  ["Spine and pelvis", 0.2, 0.995],
  ["Bone, extremity", 0.3, 0.999],
  ["Soft tissue", 0.005, 0.75],
];

/** Centre and width in Hounsfield units. */
const CT_LOOKS: readonly (readonly [string, number, number])[] = [
  ["CT soft tissue", 40, 400],
  ["CT lung", -600, 1500],
  ["CT bone", 480, 2500],
  ["CT brain", 40, 80],
];

export function installLooks(bench: Bench): void {
  const { table } = bench;
  for (const [label, low, high] of RADIOGRAPH_LOOKS) {
    const id = `look-${label.toLowerCase().replace(/[^a-z]+/g, "-")}`;
    const hint = label === "Automatic" ? _("Spread the greys for this region. Over all that is in the picture.") : _("Spread the greys for this region.");
    const key = label === "Automatic" ? { key: "0" } : {};
    table.addCommand({ id, label, hint, ...key, run: (viewport) => spread(viewport, low, high) }, { group: "look", menu: "Look" });
  }
  for (const [label, center, width] of CT_LOOKS) {
    table.addCommand({ id: `look-${label.toLowerCase().replaceAll(" ", "-")}`, label, hint: _("Window {width} / {center} HU; for CT only.", { width, center }), run: (viewport) => viewport.setAppearance({ voi: window_(label, center, width) }) }, { group: "look", menu: "Look" });
  }
  table.addTool(new RegionWindow(bench), { group: "look", menu: "Look" });
  table.addTool(new Magnifier(bench), { group: "look", menu: "Look" });
  table.addCommand(SHARPEN, { group: "look", menu: "Look" });
}

const SHARPEN: Command = {
  id: "sharpen",
  label: "Sharpen",
  hint: "Edges stand out; press again for more, and once more for none.",
  key: "d",
  icon: "M12 4v16M6 20 12 4l6 16",
  run: (viewport) => viewport.setAppearance({ sharpen: (viewport.appearance.sharpen + 1) % 3 }),
  isOn: (viewport) => viewport.appearance.sharpen > 0,
};

function window_(label: string, center: number, width: number): Voi {
  return { function: "LINEAR_EXACT", center, width, label };
}

/** From the value below which the share `low` lies, to that below which `high` lies; the edges' own values do not count. */
function spread(viewport: Viewport, low: number, high: number): void {
  const { facts } = viewport;
  const values = sampled(viewport);
  if (!facts || !values.length) return;
  const [from, to] = facts.invert ? [1 - high, 1 - low] : [low, high];
  const at = (share: number): number => values[Math.min(values.length - 1, Math.floor(share * values.length))] as number;
  setBetween(viewport, at(from), at(to), "");
}

function setBetween(viewport: Viewport, low: number, high: number, label: string): void {
  viewport.setAppearance({ voi: window_(label, (low + high) / 2, Math.max(high - low, 1e-6)) });
}

/** Modality values in order, without the least and the most, which are collimation and burnt-out air. */
function sampled(viewport: Viewport): Float64Array {
  const { stored } = viewport;
  if (!stored || stored.colour) return new Float64Array();
  const sample = samplerOf(viewport);
  const step = Math.max(1, Math.floor(Math.sqrt((stored.rows * stored.columns) / SAMPLES)));
  const values: number[] = [];
  for (let row = 0; row < stored.rows; row += step) {
    for (let column = 0; column < stored.columns; column += step) values.push(sample(column, row) as number);
  }
  const all = Float64Array.from(values).sort();
  const inside = all.filter((value) => value > (all[0] as number) && value < (all.at(-1) as number));
  return inside.length ? inside : all;
}

/** Window and level from what lies in a box drawn on the picture. */
class RegionWindow implements Tool {
  readonly id = "region-window";
  readonly label = "Window from a region";
  readonly hint = "Draw a box over what you want to see; its greys are spread from black to white. Keys: arrows and Enter do the same over the middle of the place.";
  readonly key = "u";
  readonly icon = "M4 4h4M4 4v4M20 4h-4M20 4v4M4 20h4M4 20v-4M20 20h-4M20 20v-4M12 9a3 3 0 0 0 0 6z";

  constructor(private readonly bench: Bench) {}

  drag({ viewport, startAt, at }: Gesture): void {
    Object.assign(this.bench.overlay(viewport), { unfinished: { kind: "rectangle", points: [startAt], next: at } }).drawSoon();
  }

  up({ viewport, startAt, at }: Gesture): void {
    this.clear(viewport);
    apply(viewport, startAt, at);
  }

  cancel(): void {
    for (const viewport of this.bench.table.viewports) this.clear(viewport);
  }

  pressed(event: KeyboardEvent, viewport: Viewport): boolean {
    if (event.key !== "Enter") return false;
    const { clientWidth: width, clientHeight: height } = viewport.element;
    apply(viewport, viewport.toImage({ x: width * 0.375, y: height * 0.375 }), viewport.toImage({ x: width * 0.625, y: height * 0.625 }));
    return true;
  }

  private clear(viewport: Viewport): void {
    Object.assign(this.bench.overlay(viewport), { unfinished: undefined }).drawSoon();
  }
}

function apply(viewport: Viewport, a: { x: number; y: number }, b: { x: number; y: number }): void {
  const { count, mean, deviation, least, most } = statistics(rectangleFrame(rectangleFromBox([a, b])), false, samplerOf(viewport));
  if (count < 4) return;
  setBetween(viewport, Math.max(least, mean - 3 * deviation), Math.min(most, mean + 3 * deviation), "region");
}

/** Shows what is under the pointer at twice its size while it is held down. */
class Magnifier implements Tool {
  readonly id = "magnifier";
  readonly label = "Magnifier";
  readonly hint = "Hold and move: a round window shows the place twice as large. Keys: Enter shows the middle.";
  readonly key = "y";
  readonly icon = "M10.5 4a6.5 6.5 0 1 0 .1 0M15.5 15.5 21 21M7 10.5h7";
  readonly cursor = "none";

  constructor(private readonly bench: Bench) {}

  down(gesture: Gesture): void {
    this.drag(gesture);
  }

  drag({ viewport, canvas, event }: Gesture): void {
    this.bench.loupe.show(viewport, canvas, MAGNIFY, event.pointerType !== "mouse");
  }

  up(): void {
    this.bench.loupe.hide();
  }

  cancel(): void {
    this.bench.loupe.hide();
  }

  left(): void {
    this.bench.loupe.hide();
  }

  pressed(event: KeyboardEvent, viewport: Viewport): boolean {
    if (event.key !== "Enter") return false;
    this.bench.loupe.show(viewport, { x: viewport.element.clientWidth / 2, y: viewport.element.clientHeight / 2 }, MAGNIFY, false);
    return true;
  }
}

/** Undo for placement and appearance: what changed without a pause is one step. */
export function watchViews({ table, history }: Bench): void {
  const watched = new Set<Viewport>();
  const watch = (viewport: Viewport): void => {
    if (watched.has(viewport)) return;
    watched.add(viewport);
    watchView(viewport, history);
  };
  table.viewports.forEach(watch);
  table.addEventListener("viewport", (event) => watch((event as CustomEvent<Viewport>).detail));
}

const PAUSE_MS = 400;

function watchView(viewport: Viewport, history: Bench["history"]): void {
  const now = () => ({ picture: viewport.picture, facts: viewport.facts as Facts | undefined, size: `${viewport.element.clientWidth} ${viewport.element.clientHeight}`, place: viewport.placement, look: viewport.appearance });
  let before = now();
  let timer = 0;
  const set = ({ picture, place, look }: ReturnType<typeof now>): void => {
    if (viewport.picture !== picture) return;
    viewport.setPlacement(place);
    viewport.setAppearance(look);
    before = now();
  };
  const settle = (): void => {
    timer = 0;
    const [from, to] = [before, now()];
    before = to;
    const same = from.picture === to.picture && from.facts && from.size === to.size;
    if (!same || (sameValues(from.place, to.place) && sameValues(from.look, to.look))) return;
    history.record({ undo: () => set(from), redo: () => set(to) });
  };
  for (const change of ["placement", "appearance"]) {
    viewport.addEventListener(change, () => {
      clearTimeout(timer);
      if (history.isReplaying) before = now();
      else timer = window.setTimeout(settle, PAUSE_MS);
    });
  }
  viewport.addEventListener("shown", () => (before = now()));
}

function sameValues(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

