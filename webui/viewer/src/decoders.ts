import { _ } from "../../static/js/words.js";
import type { Frame } from "./facts";

/** What is said when bytes of a picture were lost or changed. */
export const DAMAGED = _("The picture arrived damaged. Try again; if it happens again, call support.");
const MOST_WORKERS = 2;

/** A frame that is being unpacked while its bytes are handed over. */
export interface Decoding {
  readonly frame: Promise<Frame>;
  /** The next bytes of its packet, which are gone here then. */
  push(chunk: Uint8Array<ArrayBuffer>): void;
  /** That was all, or all there will be. */
  end(): void;
}

/** Once, that the worker has been read and hears; then a frame, or none where its bytes make no picture. */
type Answer = { readonly ready: true } | { readonly id: number; readonly frame?: Frame };

interface Waiting {
  resolve(frame: Frame): void;
  reject(error: Error): void;
}

/** Workers that unpack frames, so that the page never stands still. */
export class Decoders {
  /** When a worker hears, or none ever will. */
  readonly ready: Promise<void>;
  private started!: () => void;
  private readonly workers: { worker: Worker; busy: number }[] = [];
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;
  private broken = false;

  constructor(private readonly scripts: URL) {
    this.ready = new Promise((resolve) => (this.started = resolve));
    const count = Math.max(1, Math.min(MOST_WORKERS, (navigator.hardwareConcurrency || 2) - 1));
    for (let i = 0; i < count; i++) this.start();
  }

  begin(): Decoding {
    const entry = this.workers.reduce((least, one) => (one.busy < least.busy ? one : least));
    const id = this.next++;
    entry.busy++;
    const frame = new Promise<Frame>((resolve, reject) => this.waiting.set(id, { resolve, reject })).finally(() => entry.busy--);
    if (this.broken) this.fail();
    return {
      frame,
      push: (chunk) => entry.worker.postMessage({ id, chunk }, [chunk.buffer]),
      end: () => entry.worker.postMessage({ id }),
    };
  }

  private start(): void {
    const worker = new Worker(new URL("decoder.js", this.scripts), { type: "module" });
    worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      if ("ready" in data) return this.started();
      const { id, frame } = data;
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      if (frame) waiting?.resolve(frame);
      else waiting?.reject(new Error(DAMAGED));
    });
    worker.addEventListener("error", () => this.fail());
    this.workers.push({ worker, busy: 0 });
  }

  private fail(): void {
    this.broken = true;
    this.started();
    for (const { reject } of this.waiting.values()) reject(new Error(_("The picture cannot be unpacked in this browser.")));
    this.waiting.clear();
  }
}
