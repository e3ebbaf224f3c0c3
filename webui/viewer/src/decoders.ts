import { _ } from "../../static/js/words.js";
import type { Frame } from "./facts";

const MOST_WORKERS = 2;

interface Waiting {
  resolve(frame: Frame): void;
  reject(error: Error): void;
}

/** Workers that unpack frames, so that the page never stands still. */
export class Decoders {
  private readonly workers: { worker: Worker; busy: number }[] = [];
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;

  constructor() {
    const count = Math.max(1, Math.min(MOST_WORKERS, (navigator.hardwareConcurrency || 2) - 1));
    for (let i = 0; i < count; i++) this.start();
  }

  decode(packet: ArrayBuffer): Promise<Frame> {
    const entry = this.workers.reduce((least, one) => (one.busy < least.busy ? one : least));
    const id = this.next++;
    entry.busy++;
    return new Promise<Frame>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      entry.worker.postMessage({ id, packet }, [packet]);
    }).finally(() => entry.busy--);
  }

  private start(): void {
    const worker = new Worker(new URL("decoder.js", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data: { id, frame, error } }: MessageEvent) => {
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      if (frame) waiting?.resolve(frame as Frame);
      else waiting?.reject(new Error(error as string));
    });
    worker.addEventListener("error", () => {
      for (const { reject } of this.waiting.values()) reject(new Error(_("The picture cannot be unpacked in this browser.")));
      this.waiting.clear();
    });
    this.workers.push({ worker, busy: 0 });
  }
}
