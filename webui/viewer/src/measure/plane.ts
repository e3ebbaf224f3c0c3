import type { Facts } from "../facts";
import type { Point } from "../geometry";
import { distance } from "./vector";

/** Where millimetres come from (PS3.3 10.7). */
export type BasisKind = "patient" | "marker" | "estimated" | "detector" | "region" | "none";

export interface Basis {
  readonly kind: BasisKind;
  /** Beside every value, in words. */
  readonly words: string;
}

const NONE: Basis = { kind: "none", words: "no scale" };
const MARKER: Basis = { kind: "marker", words: "scale from the marker" };
const REGION: Basis = { kind: "region", words: "scale of the ultrasound region" };

/** The plane in which lengths and angles are taken: image points with both axes in one unit. */
export class Plane {
  /** `across` and `down`: the width and height of a pixel in the plane's unit. */
  constructor(
    readonly across: number,
    readonly down: number,
    readonly basis: Basis,
  ) {}

  /** The unit of lengths: millimetres only where there is a basis for them, else widths of a pixel. */
  get unit(): "mm" | "px" {
    return this.basis.kind === "none" ? "px" : "mm";
  }

  /** From an image point. */
  of(point: Point): Point {
    return { x: point.x * this.across, y: point.y * this.down };
  }

  /** Back to an image point. */
  image(point: Point): Point {
    return { x: point.x / this.across, y: point.y / this.down };
  }
}

/** Two image points and what lies between them in millimetres. */
export interface Calibration {
  readonly points: readonly Point[];
  readonly millimetres: number;
}

/** The plane of a measurement with these image points. */
export function planeFor(facts: Facts, calibration: Calibration | undefined, points: readonly Point[]): Plane {
  const square = new Plane(1, facts.pixel_aspect, NONE);
  if (calibration) return calibrated(square, calibration);
  if (facts.regions?.length) {
    const region = facts.regions.find(({ x0, y0, x1, y1 }) => points.every((p) => p.x >= x0 && p.x <= x1 && p.y >= y0 && p.y <= y1));
    return region ? new Plane(region.column_mm, region.row_mm, REGION) : square;
  }
  const { spacing } = facts;
  if (!spacing) return square;
  return new Plane(spacing.column_mm, spacing.row_mm, { kind: spacing.basis, words: spacing.words });
}

function calibrated(square: Plane, { points, millimetres }: Calibration): Plane {
  const [a, b] = points;
  if (!a || !b) return square;
  const each = millimetres / distance(square.of(a), square.of(b));
  return Number.isFinite(each) && each > 0 ? new Plane(each, each * square.down, MARKER) : square;
}
