import type { Facts, Frame, Samples, Stored } from "./facts";
import { halfOf } from "./halves";

/** The form of packets that this release reads (appliance.imaging.picture.PACKET_FORM). */
export const PACKET_FORM = 2;

interface Head extends Facts {
  parts: { name: "pixels" | "marks"; coding: "raw" | "htj2k"; bytes: number }[];
}

/** HTJ2K bytes to plain samples, little-endian, pixel by pixel. */
export type Decompress = (coded: Uint8Array) => ArrayBuffer;

/** A packet of `appliance.imaging.picture.packet` as a frame; throws when it is cut short. */
export function readPacket(packet: ArrayBuffer, decompress: Decompress): Frame {
  const headBytes = new DataView(packet).getUint32(0, true);
  const { parts, ...facts } = JSON.parse(new TextDecoder().decode(new Uint8Array(packet, 4, headBytes))) as Head;
  const found: Partial<Record<string, ArrayBuffer>> = {};
  let at = 4 + headBytes;
  for (const { name, coding, bytes } of parts) {
    if (at + bytes > packet.byteLength) throw new Error("The picture arrived incomplete.");
    found[name] = coding === "htj2k" ? decompress(new Uint8Array(packet, at, bytes)) : packet.slice(at, at + bytes);
    at += bytes;
  }
  const whole = stored(facts, found["pixels"] as ArrayBuffer, found["marks"]);
  const half = halfOf(whole, facts);
  return { facts, stored: whole, ...(half && { half }) };
}

function stored(facts: Facts, pixels: ArrayBuffer, marks: ArrayBuffer | undefined): Stored {
  const { rows, columns, pixel_format: format } = facts;
  const colour = format === "rgb8";
  const data = colour ? withAlpha(new Uint8Array(pixels)) : numbers(format, pixels);
  if (data.length !== rows * columns * (colour ? 4 : 1)) throw new Error("The picture arrived incomplete.");
  return { data, rows, columns, colour, ...(marks && { marks: new Uint8Array(marks) }) };
}

function numbers(format: Exclude<Facts["pixel_format"], "rgb8">, bytes: ArrayBuffer): Samples {
  const kinds = { u8: Uint8Array, i8: Int8Array, u16: Uint16Array, i16: Int16Array, f32: Float32Array };
  return new kinds[format](bytes);
}

function withAlpha(rgb: Uint8Array): Uint8Array<ArrayBuffer> {
  const rgba = new Uint8Array((rgb.length / 3) * 4);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba[to] = rgb[from] as number;
    rgba[to + 1] = rgb[from + 1] as number;
    rgba[to + 2] = rgb[from + 2] as number;
    rgba[to + 3] = 255;
  }
  return rgba;
}
