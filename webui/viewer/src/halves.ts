import type { Affine } from "./geometry";
import { invert } from "./geometry";
import { isTable, type Facts, type Frame, type Stored } from "./facts";

const SUM_BITS = 16;

/**
 * Pictures of half the size whose values are the sums of two by two, so that nothing is rounded; undefined where the mean
 * of stored values is not that of modality values.
 */
export function halvingOf(stored: Stored, facts: Facts): Halving | undefined {
  const { data, colour, marks } = stored;
  if (colour || marks || data instanceof Float32Array || (facts.modality_lut && isTable(facts.modality_lut))) return undefined;
  return new Halving(stored);
}

/** The sums, row by row as the picture arrives. */
export class Halving {
  private readonly signed: boolean;
  private readonly sums: Int16Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
  private used = 0;

  constructor(private readonly whole: Stored) {
    this.signed = whole.data instanceof Int8Array || whole.data instanceof Int16Array;
    this.sums = new (this.signed ? Int16Array : Uint16Array)(Math.ceil(whole.rows / 2) * Math.ceil(whole.columns / 2));
  }

  /** Rows `from` to before `to` are there; both are even, but for the end of the picture. */
  add(from: number, to: number): void {
    const { data, columns } = this.whole;
    const { sums } = this;
    let used = 0;
    for (let row = from, at = (from / 2) * Math.ceil(columns / 2); row < to; row += 2) {
      const upper = row * columns;
      const lower = Math.min(row + 1, to - 1) * columns;
      for (let left = 0; left < columns; left += 2, at++) {
        const right = left + 1 < columns ? left + 1 : left;
        const a = data[upper + left] as number;
        const b = data[upper + right] as number;
        const c = data[lower + left] as number;
        const d = data[lower + right] as number;
        used |= (a ^ (a >> 31)) | (b ^ (b >> 31)) | (c ^ (c >> 31)) | (d ^ (d >> 31));
        sums[at] = a + b + c + d;
      }
    }
    this.used |= used;
  }

  /** The half of what is there, the half of that and so on, as long as every sum is exact. */
  get halves(): Stored[] {
    const bits = SUM_BITS - Number(this.signed) - (32 - Math.clz32(this.used));
    if (bits < 2) return [];
    const { rows, columns } = this.whole;
    const half = { data: this.sums, rows: Math.ceil(rows / 2), columns: Math.ceil(columns / 2), colour: false };
    if (bits < 4) return [half];
    const next = new Halving(half);
    next.add(0, half.rows);
    return [half, ...next.halves];
  }
}

/**
 * What is to be drawn at this size: the smallest half that has a pixel for each canvas pixel, else the whole. The facts
 * are those of its pixels; rows and columns need not be whole numbers, for the last pixel of a half may be half empty.
 */
export function levelFor({ stored, facts, halves }: Frame, matrix: Affine): { stored: Stored; facts: Facts; matrix: Affine } {
  const { a, b, c, d } = invert(matrix);
  const lut = facts.modality_lut ?? { slope: 1, intercept: 0 };
  const level = Math.min(halves.length, Math.floor(Math.log2(Math.min(Math.hypot(a, b), Math.hypot(c, d)))));
  const half = halves[level - 1];
  if (!half || isTable(lut)) return { stored, facts, matrix };
  const times = 2 ** level;
  const { e, f } = matrix;
  return {
    stored: half,
    facts: { ...facts, rows: facts.rows / times, columns: facts.columns / times, modality_lut: { slope: lut.slope / times ** 2, intercept: lut.intercept } },
    matrix: { a: times * matrix.a, b: times * matrix.b, c: times * matrix.c, d: times * matrix.d, e, f },
  };
}
