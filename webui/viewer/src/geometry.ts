/** Points and the transformation between an image and the viewport that shows it. */

/**
 * In an image: x counts columns, y rows, from the upper left corner of the first pixel, whose centre is (0.5, 0.5)
 * (PS3.3 C.10.5.1.2, SCOORD). In a viewport: CSS pixels from its upper left corner.
 */
export interface Point {
  x: number;
  y: number;
}

/** x' = a x + c y + e, y' = b x + d y + f, as in DOMMatrix. */
export interface Affine {
  a: number;
  b: number;
  c: number;
  d: number;
  e: number;
  f: number;
}

/** How an image lies in a viewport: first flipped left to right, then turned clockwise, about `centre`. */
export interface Placement {
  /** CSS pixels per image column. */
  zoom: number;
  /** Degrees clockwise. */
  rotation: number;
  /** Mirrored left to right before it is turned. */
  flipped: boolean;
  /** The image point in the middle of the viewport. */
  centre: Point;
}

/** Image to viewport; `aspect` is the height of a pixel divided by its width. */
export function affine(placement: Placement, aspect: number, width: number, height: number): Affine {
  const { zoom, flipped, centre } = placement;
  const turn = (placement.rotation * Math.PI) / 180;
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const across = flipped ? -zoom : zoom;
  const down = zoom * aspect;
  const [a, b, c, d] = [cos * across, sin * across, -sin * down, cos * down];
  return { a, b, c, d, e: width / 2 - a * centre.x - c * centre.y, f: height / 2 - b * centre.x - d * centre.y };
}

export function apply(m: Affine, p: Point): Point {
  return { x: m.a * p.x + m.c * p.y + m.e, y: m.b * p.x + m.d * p.y + m.f };
}

export function invert(m: Affine): Affine {
  const det = m.a * m.d - m.b * m.c;
  const [a, b, c, d] = [m.d / det, -m.b / det, -m.c / det, m.a / det];
  return { a, b, c, d, e: -(a * m.e + c * m.f), f: -(b * m.e + d * m.f) };
}

/** The size that an image of `columns` x `rows` takes in a viewport at zoom 1, turned as in `placement`. */
export function turnedSize(columns: number, rows: number, aspect: number, rotation: number): Point {
  const turn = (rotation * Math.PI) / 180;
  const [cos, sin] = [Math.abs(Math.cos(turn)), Math.abs(Math.sin(turn))];
  return { x: columns * cos + rows * aspect * sin, y: columns * sin + rows * aspect * cos };
}
