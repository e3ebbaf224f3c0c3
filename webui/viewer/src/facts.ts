/** What the server tells of one frame (appliance.imaging.picture.describe). */
export interface Facts {
  rows: number;
  columns: number;
  frames: number;
  frame: number;
  pixel_format: "u8" | "i8" | "u16" | "i16" | "rgb8";
  pixels_url: string;
  preview_url: string;
  pixel_aspect: number;
  invert: boolean;
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

export function isTable(voi: object): voi is Table {
  return "values" in voi;
}

/** Pixels as the texture wants them: 16 bits unsigned with an offset to add, or RGBA. */
export interface Pixels {
  data: Uint16Array | Uint8Array;
  offset: number;
  colour: boolean;
}

export function unpack(facts: Facts, bytes: ArrayBuffer): Pixels {
  const count = facts.rows * facts.columns;
  const expected = count * { u8: 1, i8: 1, u16: 2, i16: 2, rgb8: 3 }[facts.pixel_format];
  if (bytes.byteLength !== expected) throw new Error("The picture arrived incomplete.");
  if (facts.pixel_format === "rgb8") return { data: withAlpha(new Uint8Array(bytes)), offset: 0, colour: true };
  if (facts.pixel_format === "u16") return { data: new Uint16Array(bytes), offset: 0, colour: false };
  if (facts.pixel_format === "u8") return { data: Uint16Array.from(new Uint8Array(bytes)), offset: 0, colour: false };
  const signed = facts.pixel_format === "i16" ? new Int16Array(bytes) : new Int8Array(bytes);
  const data = new Uint16Array(count);
  for (let i = 0; i < count; i++) data[i] = (signed[i] as number) + 32768;
  return { data, offset: -32768, colour: false };
}

function withAlpha(rgb: Uint8Array): Uint8Array {
  const rgba = new Uint8Array((rgb.length / 3) * 4).fill(255);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) rgba.set(rgb.subarray(from, from + 3), to);
  return rgba;
}

/** An error of the server in its own words. */
export async function complaint(answer: Response): Promise<Error> {
  try {
    const { message, hint } = (await answer.json()) as { message: string; hint: string };
    return new Error(`${message} ${hint}`);
  } catch {
    return new Error("The box did not give the picture. Reload the page; if it happens again, call support.");
  }
}
