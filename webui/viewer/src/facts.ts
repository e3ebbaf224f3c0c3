/** What the server tells of one frame (appliance.imaging.picture.facts). */
export interface Facts {
  rows: number;
  columns: number;
  frames: number;
  frame: number;
  /** How long a frame of a cine is shown, null where the file does not say. */
  frame_time_ms: number | null;
  pixel_format: "u8" | "i8" | "u16" | "i16" | "f32" | "rgb8";
  /** Height of a pixel divided by its width. */
  pixel_aspect: number;
  /** Millimetres a pixel and where they come from (appliance.imaging.spacing); absent where the file has none. */
  spacing?: { column_mm: number; row_mm: number; basis: "patient" | "estimated" | "detector"; words: string };
  /** Ultrasound regions with a scale of their own (PS3.3 C.8.5.5), in image coordinates. */
  regions?: { x0: number; y0: number; x1: number; y1: number; column_mm: number; row_mm: number }[];
  photometric_interpretation: string;
  invert: boolean;
  /** What a shutter is drawn with, 0 to 1. */
  shutter_grey: number;
  modality_lut?: Rescale | Table;
  voi?: Voi[];
}

export interface Rescale {
  slope: number;
  intercept: number;
}

export interface Table {
  first: number;
  values: number[];
  label?: string;
}

export interface Window {
  function: "LINEAR" | "LINEAR_EXACT" | "SIGMOID";
  center: number;
  width: number;
  label: string;
}

export type Voi = Window | Table;
export type Samples =
  | Uint8Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>;

export function isTable(lut: object): lut is Table {
  return "values" in lut;
}

/** Whether two choices show the same: units name several alike, so that the name alone says too little. */
export function sameVoi(one: Voi | undefined, other: Voi | undefined): boolean {
  if (!one || !other || one.label !== other.label) return false;
  if (!isTable(one) || !isTable(other)) return !isTable(one) && !isTable(other) && one.center === other.center && one.width === other.width && one.function === other.function;
  return one.first === other.first && one.values.length === other.values.length && one.values.every((value, index) => value === other.values[index]);
}

/** Which of a frame's choices is in use, of equal ones the last; -1 where none is, as after the mouse moved the window. */
export function choiceOf(facts: Facts | undefined, voi: Voi | undefined): number {
  return (facts?.voi ?? []).reduce((found, one, index) => (sameVoi(one, voi) ? index : found), -1);
}

/** The stored values of one frame, row by row; RGBA of 8 bits where `colour`. */
export interface Stored {
  readonly data: Samples;
  readonly rows: number;
  readonly columns: number;
  readonly colour: boolean;
  /** Flags of overlays (1), shutters (2) and padding (4), where there are any. */
  readonly marks?: Uint8Array<ArrayBuffer>;
}

/** A frame in full depth. */
export interface Frame {
  readonly facts: Facts;
  readonly stored: Stored;
  /** Sums of two by two pixels, then of four by four and so on, to draw the picture small with less work (`Halving`). */
  readonly halves: readonly Stored[];
}

/** A stored value after the modality LUT or rescale (PS3.3 C.11.1). */
export function modalityValue(facts: Facts, stored: number): number {
  const lut = facts.modality_lut;
  if (!lut) return stored;
  if (!isTable(lut)) return stored * lut.slope + lut.intercept;
  const index = Math.min(lut.values.length - 1, Math.max(0, stored - lut.first));
  return lut.values[index] as number;
}
