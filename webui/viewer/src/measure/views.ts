// How a picture is shown, as a presentation state says it (PS3.3 C.10.4, C.10.6, C.11.8), and back.
import { isTable, type Voi } from "../facts";
import type { Placement, Point } from "../geometry";
import type { Viewport } from "../viewport";

/** One picture of a presentation state; coordinates are image coordinates. */
export interface KeptView {
  readonly picture: number;
  /** 0 for all frames. */
  readonly frame: number;
  readonly window: { readonly function: string; readonly center: number; readonly width: number } | null;
  /** White is black, whatever the file says. */
  readonly invert: boolean;
  /** Clockwise, before the flip: a multiple of 90. */
  readonly rotation: number;
  readonly flipped: boolean;
  /** What lies in the upper left and lower right corner of the shown part. */
  readonly area: readonly [number, number, number, number];
  readonly graphics: readonly { readonly points: readonly (readonly [number, number])[]; readonly text: string }[];
}

/** How a viewport shows its picture now. */
export function toDisplayed(viewport: Viewport): KeptView | undefined {
  const { picture, facts, frame, placement, appearance } = viewport;
  if (!picture || !facts) return undefined;
  const { clientWidth, clientHeight } = viewport.element;
  const inside = ({ x, y }: Point): [number, number] => [clamp(x, facts.columns), clamp(y, facts.rows)];
  return {
    picture: picture.id,
    frame: facts.frames > 1 ? frame : 0,
    window: windowOf(appearance.voi),
    invert: appearance.invert,
    rotation: turned(placement),
    flipped: placement.flipped,
    area: [...inside(viewport.toImage({ x: 0, y: 0 })), ...inside(viewport.toImage({ x: clientWidth, y: clientHeight }))],
    graphics: [],
  };
}

/** Show a viewport's picture as a presentation state says. */
export function onImage(viewport: Viewport, view: KeptView): void {
  const { facts } = viewport;
  if (!facts) return;
  const { rotation, flipped, area, window } = view;
  const [x0, y0, x1, y1] = area;
  viewport.setPlacement({ rotation: turned({ rotation, flipped }), flipped });
  viewport.fit();
  const whole = Math.abs(x1 - x0) >= facts.columns - 1 && Math.abs(y1 - y0) >= facts.rows - 1;
  if (!whole) {
    const [a, b] = [viewport.toCanvas({ x: x0, y: y0 }), viewport.toCanvas({ x: x1, y: y1 })];
    const { clientWidth, clientHeight } = viewport.element;
    const zoom = viewport.placement.zoom * Math.min(clientWidth / Math.abs(b.x - a.x), clientHeight / Math.abs(b.y - a.y));
    viewport.setPlacement({ zoom, centre: { x: (x0 + x1) / 2, y: (y0 + y1) / 2 } });
  }
  const voi: Voi | undefined = window ? { ...window, function: window.function as "LINEAR", label: "" } : viewport.appearance.voi;
  viewport.setAppearance({ voi, invert: view.invert });
}

/** Turning before a flip is turning the other way after it. */
function turned({ rotation, flipped }: Pick<Placement, "rotation" | "flipped">): number {
  const quarter = ((Math.round(rotation / 90) * 90) % 360 + 360) % 360;
  return flipped ? (360 - quarter) % 360 : quarter;
}

function windowOf(voi: Voi | undefined): KeptView["window"] {
  return voi && !isTable(voi) ? { function: voi.function, center: voi.center, width: voi.width } : null;
}

function clamp(value: number, most: number): number {
  return Math.max(0, Math.min(most, value));
}
