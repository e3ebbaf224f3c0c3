import type { Facts, Frame, Samples, Stored } from "./facts";
import { halvingOf, type Halving } from "./halves";

/** The form of packets that this release reads (appliance.imaging.picture.PACKET_FORM). */
export const PACKET_FORM = 3;
const LENGTH_BYTES = 4;
/** More than a head with the longest tables takes; other bytes than a packet's would name any length. */
const MOST_HEAD_BYTES = 2 ** 24;

interface Part {
  readonly name: "pixels" | "marks";
  readonly rows: number;
  readonly coding: "raw" | "htj2k";
  readonly bytes: number;
}

interface Head extends Facts {
  parts: Part[];
}

/** Gives `use` the plain samples of HTJ2K bytes, little-endian, pixel by pixel; they are gone when it returns. */
export type Decompress = (coded: Uint8Array, use: (plain: Uint8Array) => void) => void;

/** Reads a packet of `appliance.imaging.picture.packet` while it arrives: each strip is unpacked when it is complete. */
export class PacketReader {
  private awaited = new Uint8Array(LENGTH_BYTES);
  private filled = 0;
  private proceed = (bytes: Uint8Array): void => this.readLength(bytes);
  private facts!: Facts;
  private stored!: Stored;
  private halving: Halving | undefined;
  private complete = false;

  constructor(private readonly decompress: Decompress) {}

  /** The next bytes, however they were cut. */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !this.complete; ) {
      const piece = chunk.subarray(at, at + this.awaited.length - this.filled);
      this.awaited.set(piece, this.filled);
      this.filled += piece.length;
      at += piece.length;
      if (this.filled === this.awaited.length) this.proceed(this.awaited);
    }
  }

  /** The frame; throws when the packet was cut short. */
  finish(): Frame {
    if (!this.complete) throw new Error("The packet is incomplete.");
    return { facts: this.facts, stored: this.stored, halves: this.halving?.halves ?? [] };
  }

  private wait(bytes: number, proceed: (bytes: Uint8Array) => void): void {
    this.awaited = new Uint8Array(bytes);
    this.filled = 0;
    this.proceed = proceed;
  }

  private readLength(bytes: Uint8Array): void {
    const length = new DataView(bytes.buffer).getUint32(0, true);
    if (length > MOST_HEAD_BYTES) throw new Error("This is no packet.");
    this.wait(length, (head) => this.readHead(head));
  }

  private readHead(bytes: Uint8Array): void {
    const { parts, ...facts } = JSON.parse(new TextDecoder().decode(bytes)) as Head;
    const { rows, columns } = (this.facts = facts);
    const marks = parts.some(({ name }) => name === "marks") ? new Uint8Array(rows * columns) : undefined;
    const colour = facts.pixel_format === "rgb8";
    this.stored = { data: samples(facts), rows, columns, colour, ...(marks && { marks }) };
    this.halving = halvingOf(this.stored, facts);
    this.nextPart(parts, 0);
  }

  private nextPart([part, ...rest]: Part[], row: number): void {
    if (!part) this.complete = true;
    else {
      this.wait(part.bytes, (coded) => {
        if (part.coding === "htj2k") this.decompress(coded, (plain) => this.place(part, row, plain));
        else this.place(part, row, coded);
        this.nextPart(rest, rest[0]?.name === part.name ? row + part.rows : 0);
      });
    }
  }

  /** A strip at its place, `row` its first. */
  private place({ name, rows }: Part, row: number, plain: Uint8Array): void {
    const { data, marks, columns, colour } = this.stored;
    const start = row * columns;
    const count = rows * columns;
    if (plain.length !== count * (name === "marks" ? 1 : colour ? 3 : data.BYTES_PER_ELEMENT)) throw new Error("The packet is incomplete.");
    if (name === "marks") return marks?.set(plain, start);
    if (colour) return withAlpha(plain, data, start * 4);
    new Uint8Array(data.buffer).set(plain, start * data.BYTES_PER_ELEMENT);
    this.halving?.add(row, row + rows);
  }
}

/** Room for a frame; colours take four bytes. */
function samples({ rows, columns, pixel_format: format }: Facts): Samples {
  const kinds = { u8: Uint8Array, i8: Int8Array, u16: Uint16Array, i16: Int16Array, f32: Float32Array };
  return format === "rgb8" ? new Uint8Array(rows * columns * 4) : new kinds[format](rows * columns);
}

function withAlpha(rgb: Uint8Array, rgba: Samples, start: number): void {
  for (let from = 0, to = start; from < rgb.length; from += 3, to += 4) {
    rgba[to] = rgb[from] as number;
    rgba[to + 1] = rgb[from + 1] as number;
    rgba[to + 2] = rgb[from + 2] as number;
    rgba[to + 3] = 255;
  }
}
