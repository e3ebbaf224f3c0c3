import type { Affine } from "./geometry";
import { invert } from "./geometry";
import { isTable, type Facts, type Frame, type Stored } from "./facts";

/** Sums of four must fit 16 bits. */
const MOST_BITS = 14;

/**
 * A picture of half the size whose values are the sums of two by two, so that nothing is rounded; undefined where a sum
 * would not be exact, or where the mean of stored values is not that of modality values.
 */
export function halfOf(stored: Stored, facts: Facts): Stored | undefined {
  const { data, rows, columns, colour, marks } = stored;
  if (colour || marks || data instanceof Float32Array || (facts.modality_lut && isTable(facts.modality_lut))) return undefined;
  const [halfRows, halfColumns] = [Math.ceil(rows / 2), Math.ceil(columns / 2)];
  const signed = data instanceof Int8Array || data instanceof Int16Array;
  const sums = new (signed ? Int16Array : Uint16Array)(halfRows * halfColumns);
  let used = 0;
  for (let row = 0, to = 0; row < halfRows; row++) {
    const upper = 2 * row * columns;
    const lower = Math.min(2 * row + 1, rows - 1) * columns;
    for (let left = 0; left < columns; left += 2, to++) {
      const right = left + 1 < columns ? left + 1 : left;
      const a = data[upper + left] as number;
      const b = data[upper + right] as number;
      const c = data[lower + left] as number;
      const d = data[lower + right] as number;
      used |= (a ^ (a >> 31)) | (b ^ (b >> 31)) | (c ^ (c >> 31)) | (d ^ (d >> 31));
      sums[to] = a + b + c + d;
    }
  }
  const fits = used < 2 ** (signed ? MOST_BITS - 1 : MOST_BITS);
  return fits ? { data: sums, rows: halfRows, columns: halfColumns, colour: false } : undefined;
}

/** What is to be drawn at this size: the half where a canvas pixel covers two image pixels each way, else the whole. */
export function levelFor({ stored, facts, half }: Frame, matrix: Affine): { stored: Stored; facts: Facts; matrix: Affine } {
  const { a, b, c, d } = invert(matrix);
  const lut = facts.modality_lut ?? { slope: 1, intercept: 0 };
  if (!half || isTable(lut) || Math.hypot(a, b) < 2 || Math.hypot(c, d) < 2) return { stored, facts, matrix };
  const { e, f } = matrix;
  return {
    stored: half,
    facts: { ...facts, modality_lut: { slope: lut.slope / 4, intercept: lut.intercept } },
    matrix: { a: 2 * matrix.a, b: 2 * matrix.b, c: 2 * matrix.c, d: 2 * matrix.d, e, f },
  };
}
