import type { Point } from "../geometry";
import type { Viewport } from "../viewport";

const SIZE_PX = 180;
const ABOVE_FINGER_PX = 130;

/** A round window that shows the picture larger, at the pointer or above a finger that hides it. */
export class Loupe {
  private readonly canvas = document.createElement("canvas");

  constructor() {
    this.canvas.className = "loupe";
    this.canvas.setAttribute("aria-hidden", "true");
  }

  /** Show what lies at a point of the viewport. */
  show(viewport: Viewport, at: Point, factor: number, aboveFinger: boolean): void {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = this.canvas.height = Math.round(SIZE_PX * ratio);
    const { a, b, c, d, e, f } = viewport.matrix;
    const by = factor * ratio;
    const half = (SIZE_PX / 2) * ratio;
    viewport.drawInto(this.canvas, { a: a * by, b: b * by, c: c * by, d: d * by, e: (e - at.x) * by + half, f: (f - at.y) * by + half });
    const up = aboveFinger ? (at.y > ABOVE_FINGER_PX + SIZE_PX / 2 ? -ABOVE_FINGER_PX : ABOVE_FINGER_PX) : 0;
    this.canvas.style.left = `${at.x - SIZE_PX / 2}px`;
    this.canvas.style.top = `${at.y + up - SIZE_PX / 2}px`;
    if (this.canvas.parentElement !== viewport.element) viewport.element.append(this.canvas);
  }

  hide(): void {
    this.canvas.remove();
  }
}
