import { _ } from "../../../static/js/words.js";
import type { Point } from "../geometry";
import type { Gesture, Tool } from "../tool";
import type { Viewport } from "../viewport";
import type { Bench } from "./bench";
import { PlacingTool } from "./placing";
import { shifted, withPoint, type Drawing } from "./sketchbook";

/** How near a pointer must be: for gloves and fingers 44 px across. */
const REACH_PX = { mouse: 10, pen: 16, touch: 22 };
const STEPS_PX: Record<string, Point> = { ArrowLeft: { x: -1, y: 0 }, ArrowRight: { x: 1, y: 0 }, ArrowUp: { x: 0, y: -1 }, ArrowDown: { x: 0, y: 1 } };

interface Grip {
  readonly drawing: Drawing;
  /** The point, the label, or none for the whole drawing. */
  readonly index: number | "label" | undefined;
}

/** What a drag began with. */
interface Held {
  readonly grip: Grip;
  readonly from: Point;
  readonly drawings: readonly Drawing[];
  readonly labels: ReadonlyMap<string, Point>;
  /** The label's place then, in image coordinates. */
  readonly label: Point;
}

/**
 * Moves points of drawings, whole drawings, or their labels.
 *
 * Pointer: drag a point, a line or a label; points and labels can be dragged with the tools of the look too, and points of
 * the drawing just made with any. Keys: N chooses the next drawing, Enter its next point and after the last its label,
 * arrows move it (with shift ten times as far), Delete removes the drawing.
 */
export class AdjustingTool implements Tool {
  readonly id = "adjust";
  readonly label = "Adjust";
  readonly hint = "Drag a point, a whole drawing or its label. Keys: N next drawing, Enter next point and then the label, arrows move it, Delete removes it.";
  readonly key = "g";
  readonly icon = "M5 3l6 16 2.5-6.5L20 10z";
  readonly cursor = "default";
  private held: Held | undefined;
  private point: Grip["index"];

  constructor(private readonly bench: Bench) {
    bench.table.claims.push((gesture) => {
      const placing = bench.overlay(gesture.viewport).unfinished?.points.length;
      if (bench.table.tool === this || placing) return undefined;
      const grip = this.gripAt(gesture, false);
      const justMade = grip?.drawing.uid === bench.book.chosen?.uid && grip?.index !== "label";
      const mayTake = !(bench.table.tool instanceof PlacingTool) || justMade;
      return grip && mayTake ? this : undefined;
    });
  }

  down(gesture: Gesture): void {
    const grip = this.gripAt(gesture, true);
    this.bench.book.choose(grip?.drawing.uid ?? "");
    if (!grip) return;
    this.point = grip.index;
    const { book, labels } = this.bench;
    this.held = { grip, from: gesture.at, drawings: book.all, labels: labels.all, label: this.labelOf(grip.drawing, gesture.viewport) };
  }

  drag(gesture: Gesture): void {
    const { held } = this;
    if (!held) return;
    const { drawing, index } = held.grip;
    const by = { x: gesture.at.x - held.from.x, y: gesture.at.y - held.from.y };
    if (index === "label") return this.bench.labels.preview(drawing.uid, { x: held.label.x + by.x, y: held.label.y + by.y });
    const from = index === undefined ? undefined : drawing.points[index];
    this.bench.book.preview(from && index !== undefined ? withPoint(drawing, index, { x: from.x + by.x, y: from.y + by.y }) : shifted(drawing, by));
    if (gesture.event.pointerType !== "mouse") this.bench.loupe.show(gesture.viewport, gesture.canvas, 2.5, true);
  }

  up({ viewport }: Gesture): void {
    this.bench.loupe.hide();
    if (!this.held) return;
    this.bench.book.settle(this.held.drawings);
    this.bench.labels.settle(this.held.labels);
    this.held = undefined;
    this.announce(viewport);
  }

  cancel(): void {
    this.bench.loupe.hide();
    if (this.held?.grip.index === "label") this.bench.labels.become(this.held.labels);
    else if (this.held) this.bench.book.preview(this.held.grip.drawing);
    this.held = undefined;
  }

  pressed(event: KeyboardEvent, viewport: Viewport): boolean {
    if (event.ctrlKey) return false;
    const { book } = this.bench;
    if (event.key.toLowerCase() === "n") return this.next(viewport), true;
    const { chosen } = book;
    if (!chosen || chosen.origin) return false;
    const step = STEPS_PX[event.key];
    if (event.key === "Enter") this.nextPoint(chosen, viewport);
    else if (step) this.nudge(chosen, step, event.shiftKey ? 10 : 1, viewport);
    else return false;
    return true;
  }

  private next(viewport: Viewport): void {
    const { book } = this.bench;
    const { drawings } = this.bench.overlay(viewport);
    const now = drawings.findIndex((drawing) => drawing.uid === book.chosen?.uid);
    const next = drawings[(now + 1) % Math.max(1, drawings.length)];
    this.point = undefined;
    if (!next) return;
    book.choose(next.uid);
    this.bench.announce(next, viewport);
  }

  private nextPoint(drawing: Drawing, viewport: Viewport): void {
    const { length } = drawing.points;
    const next = this.point === undefined || this.point === "label" ? 0 : this.point + 1;
    this.point = next < length ? next : this.bench.overlay(viewport).labelPlace(drawing) ? "label" : 0;
    this.bench.guide.say(this.point === "label" ? _("Its label") : _("Point {number} of {count}", { number: this.point + 1, count: length }));
  }

  private labelOf(drawing: Drawing, viewport: Viewport): Point {
    const place = this.bench.overlay(viewport).labelPlace(drawing);
    return place ? viewport.toImage(place) : (drawing.points[0] as Point);
  }

  private nudgeLabel(drawing: Drawing, step: Point, far: number, viewport: Viewport): void {
    const { labels } = this.bench;
    const before = labels.all;
    const { x, y } = viewport.toCanvas(this.labelOf(drawing, viewport));
    labels.preview(drawing.uid, viewport.toImage({ x: x + step.x * far, y: y + step.y * far }));
    labels.settle(before);
  }

  private nudge(drawing: Drawing, step: Point, far: number, viewport: Viewport): void {
    const index = this.point;
    if (index === "label") return this.nudgeLabel(drawing, step, far, viewport);
    const from = drawing.points[index ?? 0] as Point;
    const canvas = viewport.toCanvas(from);
    const to = viewport.toImage({ x: canvas.x + step.x * far, y: canvas.y + step.y * far });
    this.bench.book.replace(index === undefined ? shifted(drawing, { x: to.x - from.x, y: to.y - from.y }) : withPoint(drawing, index, to));
    this.announce(viewport);
  }

  private announce(viewport: Viewport): void {
    const { chosen } = this.bench.book;
    if (chosen) this.bench.announce(chosen, viewport);
  }

  private gripAt({ viewport, canvas, event }: Gesture, lines: boolean): Grip | undefined {
    const reach = REACH_PX[event.pointerType as keyof typeof REACH_PX] ?? REACH_PX.touch;
    const { chosen } = this.bench.book;
    let best: { grip: Grip; far: number } | undefined;
    const offer = (grip: Grip, far: number): void => {
      const bias = grip.drawing.uid === chosen?.uid ? 0.5 : 1;
      if (far <= reach && (!best || far * bias < best.far)) best = { grip, far: far * bias };
    };
    for (const drawing of this.bench.overlay(viewport).drawings.filter(({ origin }) => !origin)) {
      const points = drawing.points.map((point) => viewport.toCanvas(point));
      points.forEach((point, index) => offer({ drawing, index }, Math.hypot(point.x - canvas.x, point.y - canvas.y)));
    }
    const labelled = best ? undefined : this.bench.overlay(viewport).labelAt(canvas);
    if (labelled) return { drawing: labelled, index: "label" };
    if (!best && lines) this.offerLines(viewport, canvas, reach, offer);
    return best?.grip;
  }

  private offerLines(viewport: Viewport, canvas: Point, reach: number, offer: (grip: Grip, far: number) => void): void {
    for (const path of viewport.overlay.querySelectorAll<SVGPathElement>(".figure[data-uid] .line")) {
      const drawing = this.bench.book.all.find(({ uid }) => uid === path.closest<SVGElement>("[data-uid]")?.dataset["uid"]);
      if (!drawing || drawing.origin) continue;
      for (let at = 0; at <= path.getTotalLength(); at += reach / 2) {
        const point = path.getPointAtLength(at);
        offer({ drawing, index: undefined }, Math.hypot(point.x - canvas.x, point.y - canvas.y));
      }
    }
  }
}
