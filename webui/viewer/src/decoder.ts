// The worker: packets in, frames out.
import type { Frame } from "./facts";
import { PacketReader } from "./packet";

/** The next bytes of a packet; without any, that was all. */
export interface Order {
  readonly id: number;
  readonly chunk?: Uint8Array<ArrayBuffer>;
}

const writers = new Map<number, WritableStreamDefaultWriter<BufferSource>>();

self.addEventListener("message", ({ data: { id, chunk } }: MessageEvent<Order>) => {
  const writer = writers.get(id) ?? begin(id);
  const written = chunk ? writer.write(chunk) : writer.close();
  written.catch(() => undefined); // who reads it is told
  if (!chunk) writers.delete(id);
});

self.postMessage({ ready: true });

function begin(id: number): WritableStreamDefaultWriter<BufferSource> {
  const { readable, writable } = new DecompressionStream("deflate");
  const writer = writable.getWriter();
  writers.set(id, writer);
  void unpack(readable).then(
    (frame) => {
      const arrays = [frame.stored.data, frame.stored.marks, ...frame.halves.map(({ data }) => data)];
      self.postMessage({ id, frame }, { transfer: arrays.flatMap((array) => (array ? [array.buffer] : [])) });
    },
    (error: unknown) => {
      console.warn("picture", id, error); // for support; a person is told in plain words
      self.postMessage({ id });
    },
  );
  return writer;
}

async function unpack(plain: ReadableStream<Uint8Array>): Promise<Frame> {
  const packet = new PacketReader();
  const reader = plain.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) packet.push(next.value);
  return packet.finish();
}
