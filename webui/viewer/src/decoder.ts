// The worker: packets in, frames out. HTJ2K is decoded by OpenJPH in WebAssembly.
import openJph, { type HTJ2KDecoder, type OpenJph } from "@cornerstonejs/codec-openjph";
import { PacketReader } from "./packet";

/** First of all the codec; then the next bytes of a packet, and without any, that was all. */
export type Order = { readonly module: WebAssembly.Module } | { readonly id: number; readonly chunk?: Uint8Array };

let begin: (module: WebAssembly.Module) => void;
const codec = new Promise<WebAssembly.Module>((resolve) => (begin = resolve)).then(start);
const readers = new Map<number, PacketReader>();
const failed = new Set<number>();

self.addEventListener("message", async ({ data }: MessageEvent<Order>) => {
  if ("module" in data) return begin(data.module);
  const { id, chunk } = data;
  try {
    const openjph = await codec;
    if (failed.has(id)) return;
    const reader = readers.get(id) ?? new PacketReader((coded, use) => decompress(new openjph.HTJ2KDecoder(), coded, use));
    readers.set(id, reader);
    if (chunk) return reader.push(chunk);
    const frame = reader.finish();
    const arrays = [frame.stored.data, frame.stored.marks, ...frame.halves.map(({ data }) => data)];
    self.postMessage({ id, frame }, { transfer: arrays.flatMap((array) => (array ? [array.buffer] : [])) });
  } catch (error) {
    console.warn("picture", id, error); // for support; a person is told in plain words
    failed.add(id);
    self.postMessage({ id });
  } finally {
    if (!chunk || failed.has(id)) readers.delete(id);
    if (!chunk) failed.delete(id);
  }
});

self.postMessage({ ready: true });

function start(module: WebAssembly.Module): Promise<OpenJph> {
  return openJph({
    instantiateWasm: (imports, done) => {
      void WebAssembly.instantiate(module, imports).then(done);
      return {};
    },
  });
}

function decompress(decoder: HTJ2KDecoder, coded: Uint8Array, use: (plain: Uint8Array) => void): void {
  try {
    decoder.getEncodedBuffer(coded.length).set(coded);
    decoder.decode();
    use(decoder.getDecodedBuffer());
  } finally {
    decoder.delete();
  }
}
