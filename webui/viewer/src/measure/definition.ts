import { _ } from "../../../static/js/words.js";
import type { Point } from "../geometry";
import type { Plane } from "./plane";

/** One number of a measurement. */
export interface Value {
  /** Stable, the same in the structured report (appliance.reading.concepts). */
  readonly key: string;
  readonly name: string;
  readonly value: number;
  readonly unit: "mm" | "px" | "mm²" | "px²" | "°" | "v" | "%" | "HU" | "";
  /** What it says beside the number, e.g. which side. */
  readonly note?: string;
}

/** A line to draw, in image points. */
export interface Line {
  readonly points: readonly Point[];
  readonly dashed?: boolean;
  readonly arrow?: boolean;
}

/** One point to place. */
export interface Step {
  readonly hint: string;
  /** Where it lies in the small picture of 200 x 120. */
  readonly at: readonly [number, number];
}

/** Steps that go on until enough points are there. */
export interface Repeat {
  readonly steps: readonly Step[];
  /** How many rounds at least. */
  readonly least: number;
  /** Enough without a word from the person. */
  done?(points: readonly Point[], plane: Plane): boolean;
}

/** Values after the modality LUT at image pixels; undefined outside the image and for colour. */
export type Sampler = (column: number, row: number) => number | undefined;

/** A measurement or drawing: what to place, how it looks, what it says. */
export interface Definition {
  readonly id: string;
  readonly label: string;
  /** One sentence: what for, and how. */
  readonly hint: string;
  readonly key?: string;
  readonly icon?: string;
  /** The small picture as a path in 200 x 120. */
  readonly picture: string;
  readonly steps: readonly Step[];
  readonly repeat?: Repeat;
  /** Published normal values, as staff read them. */
  readonly normal?: string;
  /** Why none are given, where none are published or none can be. */
  readonly noNormal?: string;
  /** Authors, journal and year of what the docstring cites, several with semicolons; of the standard its part and section. */
  readonly source: string;
  /** What a person types after the points. */
  readonly asks?: "text" | "millimetres";
  /** From the points placed to those kept, e.g. two corners to four. */
  spread?(placed: readonly Point[]): Point[];
  /** The kept points after one was moved; by default that one alone moves. */
  move?(points: readonly Point[], index: number, to: Point): Point[];
  lines(points: readonly Point[], plane: Plane): Line[];
  values(points: readonly Point[], plane: Plane, sample: Sampler): Value[];
}

/** What a measurement rests on, in words: its normal values or why there are none, and who published it. */
export function evidence({ normal, noNormal, source }: Definition): string {
  const range = normal ? _("Normal: {range}.", { range: _(normal) }) : _("No normal values: {reason}.", { reason: _(noNormal ?? "") });
  return `${range} ${_("After {source}.", { source })}`;
}

/** How many points are placed at least before it is complete. */
export function leastPoints({ steps, repeat }: Definition): number {
  return steps.length + (repeat ? repeat.steps.length * repeat.least : 0);
}

/** The step for point number `index`, counted from 0. */
export function stepAt({ steps, repeat }: Definition, index: number): Step | undefined {
  if (index < steps.length || !repeat) return steps[index];
  return repeat.steps[(index - steps.length) % repeat.steps.length];
}

/** Whether these points may be kept. */
export function isWhole(definition: Definition, count: number): boolean {
  const { steps, repeat } = definition;
  if (!repeat) return count === steps.length;
  return count >= leastPoints(definition) && (count - steps.length) % repeat.steps.length === 0;
}

/** The points after one was moved. */
export function moved(definition: Definition, points: readonly Point[], index: number, to: Point): Point[] {
  return definition.move ? definition.move(points, index, to) : points.map((point, number) => (number === index ? to : point));
}

export function at(points: readonly Point[], index: number): Point {
  const point = points[index];
  if (!point) throw new RangeError(`There is no point ${index}.`);
  return point;
}

/** A length in the plane's unit. */
export function lengthValue(key: string, name: string, value: number, plane: Plane, note?: string): Value {
  return { key, name, value, unit: plane.unit, ...(note ? { note } : {}) };
}
