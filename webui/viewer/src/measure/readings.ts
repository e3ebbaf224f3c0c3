import { _ } from "../../../static/js/words.js";
import { modalityValue } from "../facts";
import type { Viewport } from "../viewport";
import { definitionOf } from "./catalogue";
import type { Sampler, Value } from "./definition";
import { planeFor, type Basis, type Calibration } from "./plane";
import type { Drawing, Sketchbook } from "./sketchbook";

/** What a drawing says: its values and where their millimetres come from. */
export interface Reading {
  readonly values: readonly Value[];
  readonly basis: Basis;
}

const NO_READING: Reading = { values: [], basis: { kind: "none", words: "" } };

/** Values of drawings, computed where their picture is shown and remembered for when it is not. */
export class Readings {
  private readonly known = new Map<string, { drawing: Drawing; scale: string; reading: Reading }>();

  constructor(private readonly book: Sketchbook) {}

  /** The values of a drawing whose picture a viewport shows. */
  of(drawing: Drawing, viewport: Viewport): Reading {
    const { facts } = viewport;
    const definition = definitionOf(drawing.kind);
    const calibration = this.book.calibrationOf(drawing.picture);
    const scale = JSON.stringify([calibration ?? facts?.spacing ?? null, facts?.pixel_aspect]);
    const before = this.known.get(drawing.uid);
    if (before && before.drawing === drawing && before.scale === scale) return before.reading;
    if (!facts || !definition) return before?.reading ?? NO_READING;
    const reading = read(drawing, viewport, calibration);
    this.known.set(drawing.uid, { drawing, scale, reading });
    return reading;
  }

  /** The values last computed or read from a report. */
  last(uid: string): Reading {
    return this.known.get(uid)?.reading ?? NO_READING;
  }

  /** Values as a report said them, until the picture is shown. */
  remember(drawing: Drawing, reading: Reading): void {
    this.known.set(drawing.uid, { drawing, scale: "", reading });
  }
}

function read(drawing: Drawing, viewport: Viewport, calibration: Calibration | undefined): Reading {
  const definition = definitionOf(drawing.kind);
  const { facts } = viewport;
  if (!definition || !facts) return NO_READING;
  const plane = planeFor(facts, calibration, drawing.points);
  return { values: definition.values(drawing.points, plane, samplerOf(viewport)), basis: plane.basis };
}

/** Values after the modality LUT; none for colour, where a mean would mean nothing. */
export function samplerOf({ stored, facts }: Viewport): Sampler {
  return (column, row) => {
    if (!stored || !facts || stored.colour || column < 0 || row < 0 || column >= stored.columns || row >= stored.rows) return undefined;
    return modalityValue(facts, stored.data[row * stored.columns + column] as number);
  };
}

/** A value as staff read it. */
export function shown({ name, value, unit, note }: Value): string {
  const places = unit === "" || unit === "HU" ? (Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 2 : 1) : unit === "mm" && Math.abs(value) < 10 ? 2 : 1;
  const number = value.toFixed(places).replace("-", "−");
  return `${_(name)} ${number}${unit === "°" ? "°" : unit && ` ${unit}`}${note ? ` (${_(note)})` : ""}`;
}

/** The lines of a label: the values, then the basis where there are lengths. */
export function labelLines(drawing: Drawing, reading: Reading): string[] {
  const definition = definitionOf(drawing.kind);
  if (drawing.kind === "calibration") return [_("Marker {length} mm", { length: drawing.text })];
  if (!definition) return [drawing.said ?? drawing.text].filter(Boolean);
  const values = reading.values.map(shown);
  const isLength = reading.values.some(({ unit }) => /^(mm|px)/.test(unit));
  return [drawing.text, ...values, isLength ? _(reading.basis.words) : "", values.length && definition.normal ? _("normal: {range}", { range: _(definition.normal) }) : "", drawing.origin ?? ""].filter(Boolean);
}
