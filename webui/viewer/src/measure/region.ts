import type { Point } from "../geometry";
import { at, type Sampler, type Value } from "./definition";
import type { Plane } from "./plane";
import { cross, dot, middle, minus, plus, size, times } from "./vector";

/** A centre and two half axes, in image points; a rectangle or an ellipse, turned or not. */
export interface Frame {
  readonly centre: Point;
  readonly u: Point;
  readonly v: Point;
}

const ROUND = 72;

/** Two corners of a box to the ends of the ellipse's axes, the longer first, as SCOORD wants them (PS3.3 C.18.6.1.2). */
export function ellipseFromBox([a, b]: readonly Point[]): Point[] {
  if (!a || !b) return [];
  const centre = middle(a, b);
  const across = [{ x: a.x, y: centre.y }, { x: b.x, y: centre.y }];
  const down = [{ x: centre.x, y: a.y }, { x: centre.x, y: b.y }];
  return Math.abs(a.x - b.x) >= Math.abs(a.y - b.y) ? [...across, ...down] : [...down, ...across];
}

/** Two corners of a box to its four corners in turn. */
export function rectangleFromBox([a, b]: readonly Point[]): Point[] {
  return a && b ? [a, { x: b.x, y: a.y }, b, { x: a.x, y: b.y }] : [];
}

export function ellipseFrame(points: readonly Point[]): Frame {
  const centre = middle(at(points, 0), at(points, 1));
  return { centre, u: minus(at(points, 1), centre), v: minus(at(points, 3), middle(at(points, 2), at(points, 3))) };
}

export function rectangleFrame(points: readonly Point[]): Frame {
  const centre = middle(at(points, 0), at(points, 2));
  return { centre, u: times(minus(at(points, 1), at(points, 0)), 0.5), v: times(minus(at(points, 3), at(points, 0)), 0.5) };
}

/** The ellipse as a closed line. */
export function ellipseLine({ centre, u, v }: Frame): Point[] {
  return Array.from({ length: ROUND + 1 }, (_, number) => {
    const turn = (number / ROUND) * 2 * Math.PI;
    return plus(centre, plus(times(u, Math.cos(turn)), times(v, Math.sin(turn))));
  });
}

/** An end of an axis moves along its axis, and the other end with it. */
export function moveEllipse(points: readonly Point[], index: number, to: Point): Point[] {
  const { centre, u, v } = ellipseFrame(points);
  const axis = index < 2 ? u : v;
  const reach = Math.max(0.5, Math.abs(dot(minus(to, centre), axis)) / size(axis));
  const half = times(axis, reach / size(axis));
  const [first, second] = index < 2 ? [half, v] : [u, half];
  return [minus(centre, first), plus(centre, first), minus(centre, second), plus(centre, second)];
}

/** A corner moves, the one across stays. */
export function moveRectangle(points: readonly Point[], index: number, to: Point): Point[] {
  const { u, v } = rectangleFrame(points);
  const still = at(points, (index + 2) % 4);
  const [across, down] = parts(minus(to, still), u, v);
  const next = index % 2 === 0 ? times(v, down) : times(u, across);
  const before = index % 2 === 0 ? times(u, across) : times(v, down);
  const corners = [still, plus(still, before), to, plus(still, next)];
  return Array.from({ length: 4 }, (_, number) => at(corners, (number - index + 6) % 4));
}

/** Area, and mean and deviation of the values whose pixels have their centres inside. */
export function regionValues(frame: Frame, round: boolean, plane: Plane, sample: Sampler): Value[] {
  const full = Math.abs(cross(plane.of(frame.u), plane.of(frame.v)));
  const area: Value = { key: "area", name: "Area", value: full * (round ? Math.PI : 4), unit: plane.unit === "mm" ? "mm²" : "px²" };
  const { count, mean, deviation, least, most } = statistics(frame, round, sample);
  if (!count) return [area];
  const grey = (key: string, name: string, value: number): Value => ({ key, name, value, unit: "" });
  return [area, grey("mean", "Mean", mean), grey("deviation", "Standard Deviation", deviation), grey("minimum", "Minimum", least), grey("maximum", "Maximum", most)];
}

/** Of the modality values of a region; the deviation is that of the population. */
export function statistics(frame: Frame, round: boolean, sample: Sampler): { count: number; mean: number; deviation: number; least: number; most: number } {
  const { centre, u, v } = frame;
  const reach = round ? { x: Math.hypot(u.x, v.x), y: Math.hypot(u.y, v.y) } : { x: Math.abs(u.x) + Math.abs(v.x), y: Math.abs(u.y) + Math.abs(v.y) };
  let [count, mean, squares, least, most] = [0, 0, 0, Infinity, -Infinity];
  for (let row = Math.floor(centre.y - reach.y); row <= centre.y + reach.y; row++) {
    for (let column = Math.floor(centre.x - reach.x); column <= centre.x + reach.x; column++) {
      const [a, b] = parts({ x: column + 0.5 - centre.x, y: row + 0.5 - centre.y }, u, v);
      if (round ? a * a + b * b > 1 : Math.abs(a) > 1 || Math.abs(b) > 1) continue;
      const value = sample(column, row);
      if (value === undefined) continue;
      count++;
      const off = value - mean;
      mean += off / count;
      squares += off * (value - mean);
      if (value < least) least = value;
      if (value > most) most = value;
    }
  }
  return { count, mean, deviation: Math.sqrt(squares / Math.max(1, count)), least, most };
}

/** A vector as multiples of two others. */
function parts(p: Point, u: Point, v: Point): [number, number] {
  const both = cross(u, v);
  return both ? [cross(p, v) / both, cross(u, p) / both] : [Infinity, Infinity];
}
