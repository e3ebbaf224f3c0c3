import type { Point } from "./geometry";
import type { LightTable } from "./table";
import type { Gesture, Tool } from "./tool";
import type { Viewport } from "./viewport";

interface Held {
  readonly tool: Tool;
  readonly startAt: Point;
  readonly startCanvas: Point;
  last: PointerEvent;
}

/** Asked before the active tool when a pointer goes down; the tool that it names gets the whole drag. */
export type Claim = (gesture: Gesture) => Tool | undefined;

/**
 * Pointers and wheel of one viewport, given to tools.
 *
 * Left button or one finger: whoever claims it, else the active tool. Right button: zoom. Middle button, or shift with
 * the left: move. Two fingers: move and zoom, whatever the tool. Wheel: frames of a stack, else zoom; with ctrl zoom.
 */
export class Input {
  private readonly fingers = new Map<number, PointerEvent>();
  private held: Held | undefined;

  constructor(
    private readonly viewport: Viewport,
    private readonly table: LightTable,
  ) {
    const { element } = viewport;
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointermove", (event) => this.move(event));
    element.addEventListener("pointerup", (event) => this.up(event));
    element.addEventListener("pointercancel", (event) => this.cancel(event));
    element.addEventListener("dblclick", (event) => this.table.tool.doubleClick?.(this.gesture(event as PointerEvent)));
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("focus", () => this.table.activate(viewport));
  }

  private down(event: PointerEvent): void {
    if ((event.target as Element).closest("button, input, select, a, textarea")) return;
    const { element } = this.viewport;
    this.table.activate(this.viewport);
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, event);
    if (this.fingers.size > 1) return this.drop();
    const gesture = this.gesture(event);
    const tool = this.toolFor(event, gesture);
    this.held = { tool, startAt: gesture.at, startCanvas: gesture.canvas, last: event };
    tool.down?.(gesture);
  }

  private toolFor(event: PointerEvent, gesture: Gesture): Tool {
    if (event.button === 1 || (event.button === 0 && event.shiftKey)) return this.table.toolNamed("pan");
    if (event.button === 2) return this.table.toolNamed("zoom");
    for (const claim of this.table.claims) {
      const tool = claim(gesture);
      if (tool) return tool;
    }
    return this.table.tool;
  }

  private move(event: PointerEvent): void {
    const before = this.fingers.get(event.pointerId);
    if (!before) {
      if (event.buttons === 0) this.table.tool.hover?.(this.gesture(event));
      return;
    }
    this.fingers.set(event.pointerId, event);
    if (this.fingers.size > 1) return this.pinch(event, before);
    if (!this.held) return;
    this.held.tool.drag?.(this.gesture(event));
    this.held.last = event;
  }

  private pinch(event: PointerEvent, before: PointerEvent): void {
    const other = [...this.fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
    if (!other) return;
    const apart = (a: PointerEvent): number => Math.hypot(a.clientX - other.clientX, a.clientY - other.clientY);
    const middle = (a: PointerEvent): Point => this.local((a.clientX + other.clientX) / 2, (a.clientY + other.clientY) / 2);
    const [from, to] = [middle(before), middle(event)];
    this.viewport.panBy(to.x - from.x, to.y - from.y);
    this.viewport.zoomBy(apart(event) / Math.max(1, apart(before)), to);
  }

  private up(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    const { held } = this;
    if (!held || this.fingers.size) return;
    held.tool.up?.(this.gesture(event));
    this.held = undefined;
  }

  private cancel(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    this.drop();
  }

  /** Take the pointer away from the tool that has it. */
  drop(): void {
    this.held?.tool.cancel?.();
    this.held = undefined;
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    this.table.activate(this.viewport);
    const pages = this.viewport.picture?.stack.length ?? 1;
    if (pages > 1 && !event.ctrlKey) this.table.step(this.viewport, Math.sign(event.deltaY));
    else this.viewport.zoomBy(Math.exp(-event.deltaY * 0.0015), this.local(event.clientX, event.clientY));
  }

  private gesture(event: PointerEvent): Gesture {
    const { viewport, held } = this;
    const canvas = this.local(event.clientX, event.clientY);
    const at = viewport.toImage(canvas);
    const last = held?.last ?? event;
    const moved = { x: event.clientX - last.clientX, y: event.clientY - last.clientY };
    return { viewport, event, canvas, at, moved, startAt: held?.startAt ?? at, startCanvas: held?.startCanvas ?? canvas };
  }

  private local(clientX: number, clientY: number): Point {
    const box = this.viewport.element.getBoundingClientRect();
    return { x: clientX - box.left, y: clientY - box.top };
  }
}
