import { _ } from "../../../static/js/words.js";
import type { Point } from "../geometry";
import type { LightTable } from "../table";
import type { Gesture, Tool } from "../tool";
import type { Viewport } from "../viewport";
import type { Bench } from "./bench";
import { evidence, isWhole, stepAt, type Definition } from "./definition";
import { planeFor } from "./plane";
import { exact, newUid } from "./sketchbook";

const DRAG_PX = 8;
const LOUPE_FACTOR = 2.5;
const STEPS_PX: Record<string, Point> = { ArrowLeft: { x: -1, y: 0 }, ArrowRight: { x: 1, y: 0 }, ArrowUp: { x: 0, y: -1 }, ArrowDown: { x: 0, y: 1 } };

interface Placing {
  readonly viewport: Viewport;
  readonly picture: number;
  readonly frame: number;
  readonly points: Point[];
}

/**
 * The tool that places the points of one kind of measurement.
 *
 * Mouse: click each point, or drag for two. Finger: touch, shift under the loupe, lift. Keys: arrows move a cross
 * (with shift ten times as far), Enter places, Backspace takes back, Escape ends.
 */
export class PlacingTool implements Tool {
  readonly cursor = "crosshair";
  private now: Placing | undefined;
  private asking = false;

  constructor(
    private readonly definition: Definition,
    private readonly bench: Bench,
  ) {}

  get id(): string {
    return this.definition.id;
  }
  get label(): string {
    return this.definition.label;
  }
  get hint(): string {
    return `${_(this.definition.hint)} ${evidence(this.definition)}`;
  }
  get key(): string {
    return this.definition.key ?? "";
  }
  get icon(): string {
    return this.definition.icon ?? "";
  }

  chosen(): void {
    this.bench.book.choose("");
    this.guide();
  }

  left(): void {
    this.stop();
    this.bench.guide.hide();
  }

  cancel(): void {
    this.stop();
    this.guide();
  }

  down(gesture: Gesture): void {
    if (this.asking) return;
    this.begin(gesture.viewport);
    if (isMouse(gesture)) this.place(gesture.at);
    else this.aim(gesture);
  }

  drag(gesture: Gesture): void {
    if (this.now) this.aim(gesture);
  }

  up(gesture: Gesture): void {
    this.bench.loupe.hide();
    if (!this.now) return;
    const far = Math.hypot(gesture.canvas.x - gesture.startCanvas.x, gesture.canvas.y - gesture.startCanvas.y);
    if (!isMouse(gesture) || (far > DRAG_PX && this.now.points.length === 1)) this.place(gesture.at);
  }

  hover(gesture: Gesture): void {
    if (this.now?.viewport === gesture.viewport) this.show(gesture.at);
  }

  doubleClick(): void {
    if (this.definition.repeat) this.finish();
  }

  pressed(event: KeyboardEvent, viewport: Viewport): boolean {
    if (this.asking || event.ctrlKey) return false;
    const step = STEPS_PX[event.key];
    if (step) {
      this.begin(viewport);
      const from = viewport.toCanvas(this.cross(viewport));
      const far = event.shiftKey ? 10 : 1;
      this.show(viewport.toImage({ x: from.x + step.x * far, y: from.y + step.y * far }));
      return true;
    }
    if (event.key === "Enter") return this.enter(viewport);
    if (event.key === "Backspace" && this.now) return this.back(), true;
    return false;
  }

  private enter(viewport: Viewport): boolean {
    this.begin(viewport);
    const { points } = this.now as Placing;
    const at = this.cross(viewport);
    const last = points.at(-1);
    if (last && last.x === at.x && last.y === at.y) this.finish();
    else this.place(at);
    return true;
  }

  private cross(viewport: Viewport): Point {
    const { clientWidth, clientHeight } = viewport.element;
    return this.bench.overlay(viewport).unfinished?.next ?? viewport.toImage({ x: clientWidth / 2, y: clientHeight / 2 });
  }

  private begin(viewport: Viewport): void {
    const { picture, frame, facts } = viewport;
    if (this.now && this.now.viewport === viewport && this.now.picture === picture?.id && this.now.frame === frame) return;
    this.stop();
    if (picture && facts) this.now = { viewport, picture: picture.id, frame, points: [] };
  }

  private aim(gesture: Gesture): void {
    this.show(gesture.at);
    if (!isMouse(gesture)) this.bench.loupe.show(gesture.viewport, gesture.canvas, LOUPE_FACTOR, true);
  }

  private place(at: Point): void {
    if (!this.now) return;
    this.now.points.push(at);
    this.show(at);
    if (this.isEnough()) this.finish();
    else this.guide();
  }

  private isEnough(): boolean {
    const { points, viewport } = this.now as Placing;
    if (!isWhole(this.definition, points.length)) return false;
    const { repeat } = this.definition;
    if (!repeat) return true;
    const calibration = this.bench.book.calibrationOf((this.now as Placing).picture);
    return viewport.facts !== undefined && (repeat.done?.(points, planeFor(viewport.facts, calibration, points)) ?? false);
  }

  private back(): void {
    this.now?.points.pop();
    this.show(undefined);
    this.guide();
  }

  private finish(): void {
    const { now, definition } = this;
    if (!now || !isWhole(definition, now.points.length)) return;
    const points = definition.spread ? definition.spread(now.points) : now.points;
    if (definition.asks) return void this.askAndKeep(now, points);
    this.keep(now, points, "");
  }

  private async askAndKeep(now: Placing, points: readonly Point[]): Promise<void> {
    this.asking = true;
    const text = await this.bench.guide.ask(this.definition, this.definition.asks === "millimetres" ? "25" : "");
    this.asking = false;
    if (text || this.definition.id === "arrow") this.keep(now, points, text);
    else this.cancel();
    now.viewport.element.focus({ preventScroll: true });
  }

  private keep(now: Placing, points: readonly Point[], text: string): void {
    const { book } = this.bench;
    const drawing = exact({ uid: newUid(), kind: this.definition.id, picture: now.picture, frame: now.frame, points, text });
    this.stop();
    book.add(drawing);
    this.guide();
    this.bench.announce(drawing, now.viewport);
  }

  private stop(): void {
    if (this.now) Object.assign(this.bench.overlay(this.now.viewport), { unfinished: undefined }).drawSoon();
    this.bench.loupe.hide();
    this.now = undefined;
  }

  private show(next: Point | undefined): void {
    if (!this.now) return;
    const overlay = this.bench.overlay(this.now.viewport);
    overlay.unfinished = { kind: this.definition.id, points: this.now.points, next };
    overlay.drawSoon();
  }

  private guide(): void {
    const count = this.now?.points.length ?? 0;
    if (!stepAt(this.definition, count)) return;
    this.bench.guide.showStep(this.definition, count, {
      done: () => (this.finish(), this.toPicture()),
      back: () => this.back(),
      cancel: () => this.leave(this.bench.table),
    });
  }

  private leave(table: LightTable): void {
    if (this.now?.points.length) this.cancel();
    else table.choose("window");
    this.toPicture();
  }

  /** The keys go on in the picture, for the guide's button may be gone. */
  private toPicture(): void {
    if (!this.asking) this.bench.table.active.element.focus({ preventScroll: true });
  }
}

function isMouse({ event }: Gesture): boolean {
  return event.pointerType === "mouse";
}
