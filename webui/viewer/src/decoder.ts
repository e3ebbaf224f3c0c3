// The worker: packets in, frames out. HTJ2K is decoded by OpenJPH in WebAssembly.
import openJph, { type HTJ2KDecoder, type OpenJph } from "@cornerstonejs/codec-openjph";
import wasm from "@cornerstonejs/codec-openjph/wasm";
import { readPacket } from "./packet";

export interface Order {
  readonly id: number;
  readonly packet: ArrayBuffer;
}

const codec: Promise<OpenJph> = openJph({ locateFile: () => new URL(wasm, self.location.href).href });

self.addEventListener("message", async ({ data: { id, packet } }: MessageEvent<Order>) => {
  try {
    const openjph = await codec;
    const frame = readPacket(packet, (coded) => decompress(new openjph.HTJ2KDecoder(), coded));
    const arrays = [frame.stored.data, frame.stored.marks, frame.half?.data];
    self.postMessage({ id, frame }, { transfer: arrays.flatMap((array) => (array ? [array.buffer] : [])) });
  } catch (error) {
    self.postMessage({ id, error: error instanceof Error ? error.message : "The picture cannot be unpacked." });
  }
});

function decompress(decoder: HTJ2KDecoder, coded: Uint8Array): ArrayBuffer {
  try {
    decoder.getEncodedBuffer(coded.length).set(coded);
    decoder.decode();
    return new Uint8Array(decoder.getDecodedBuffer()).buffer; // a copy out of the codec's own memory
  } finally {
    decoder.delete();
  }
}
