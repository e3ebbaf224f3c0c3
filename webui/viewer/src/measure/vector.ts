import type { Point } from "../geometry";

/** Plane vectors; angles in degrees. */
export const minus = (a: Point, b: Point): Point => ({ x: a.x - b.x, y: a.y - b.y });
export const plus = (a: Point, b: Point): Point => ({ x: a.x + b.x, y: a.y + b.y });
export const times = (a: Point, factor: number): Point => ({ x: a.x * factor, y: a.y * factor });
export const dot = (a: Point, b: Point): number => a.x * b.x + a.y * b.y;
export const cross = (a: Point, b: Point): number => a.x * b.y - a.y * b.x;
export const size = (a: Point): number => Math.hypot(a.x, a.y);
export const distance = (a: Point, b: Point): number => Math.hypot(a.x - b.x, a.y - b.y);
export const middle = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
export const degrees = (radians: number): number => (radians * 180) / Math.PI;

/** Between two directions, 0 to 180. */
export const angleBetween = (u: Point, v: Point): number => degrees(Math.atan2(Math.abs(cross(u, v)), dot(u, v)));

/** Between two lines without direction, 0 to 90. */
export function lineAngle(u: Point, v: Point): number {
  const angle = angleBetween(u, v);
  return angle > 90 ? 180 - angle : angle;
}

/** Of a point from the line through `on` along `along`; positive on the side of `side`. */
export function offset(point: Point, on: Point, along: Point, side: Point): number {
  const off = cross(along, minus(point, on)) / size(along);
  return cross(along, minus(side, on)) < 0 ? -off : off;
}

/** The centre of the circle through three points; undefined where they lie on a line. */
export function circleThrough(a: Point, b: Point, c: Point): { centre: Point; radius: number } | undefined {
  const [u, v] = [minus(b, a), minus(c, a)];
  const twice = 2 * cross(u, v);
  if (Math.abs(twice) < 1e-9) return undefined;
  const [uu, vv] = [dot(u, u), dot(v, v)];
  const off = { x: (v.y * uu - u.y * vv) / twice, y: (u.x * vv - v.x * uu) / twice };
  return { centre: plus(a, off), radius: size(off) };
}
