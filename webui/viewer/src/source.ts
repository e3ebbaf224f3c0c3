import { _ } from "../../static/js/words.js";
import { addressOf } from "./address";
import { Cache } from "./cache";
import { DAMAGED, Decoders, type Decoding } from "./decoders";
import type { Frame } from "./facts";
import { PACKET_FORM } from "./packet";
import type { Slice } from "./pictures";

/** What decoded frames may take of the main memory: a 4 GB computer also has a browser and other pages to run. */
export const MAX_FRAME_BYTES = 384 * 2 ** 20;
const MOST_AT_ONCE = 2;

/** What names a frame at the box. */
interface Wanted {
  readonly picture: { readonly id: number };
  readonly frame: number;
}

type Report = (share: number) => void;

interface Running {
  readonly frame: Promise<Frame>;
  readonly reports: Set<Report>;
}

/** Fetches frames in full depth, keeps the last used ones, and fetches ahead what will be wanted next. */
export class PictureSource {
  readonly cache = new Cache<Frame>(MAX_FRAME_BYTES);
  private readonly decoders: Decoders;
  private readonly running = new Map<string, Running>();
  private ahead: Slice[] = [];

  /** `scripts` is the folder that the worker comes from. */
  constructor(scripts: URL) {
    this.decoders = new Decoders(scripts);
  }

  /** When what is on its way is being unpacked, or never will be. */
  get unpacking(): Promise<void> {
    return this.decoders.ready;
  }

  /** A frame that is already here. */
  kept({ picture, frame }: Wanted): Frame | undefined {
    return this.cache.get(key({ picture, frame }));
  }

  /** A frame in full depth; `report` gets the share that has arrived, 0 to 1. */
  async load(slice: Wanted, report: Report = () => undefined): Promise<Frame> {
    const kept = this.cache.get(key(slice));
    if (kept) return kept;
    const running = this.running.get(key(slice)) ?? this.start(slice, "high");
    running.reports.add(report);
    try {
      return await running.frame;
    } finally {
      running.reports.delete(report);
      this.goOn();
    }
  }

  /** Fetch these next, in this order, when nothing more urgent is on the way; earlier wishes are forgotten. */
  prefetch(slices: Slice[]): void {
    this.ahead = slices.filter((slice) => !slice.picture.refusal && !this.cache.has(key(slice)));
    this.goOn();
  }

  private goOn(): void {
    while (this.ahead.length && this.running.size < MOST_AT_ONCE) {
      const slice = this.ahead.shift() as Slice;
      if (this.running.has(key(slice)) || this.cache.has(key(slice))) continue;
      const { frame } = this.start(slice, "low");
      frame.catch(() => undefined).finally(() => this.goOn()); // who looks at it will be told
    }
  }

  private start(slice: Wanted, priority: RequestPriority): Running {
    const reports = new Set<Report>();
    const frame = this.fetch(slice, priority, (share) => reports.forEach((report) => report(share)));
    const running = { frame: frame.finally(() => this.running.delete(key(slice))), reports };
    this.running.set(key(slice), running);
    return running;
  }

  private async fetch({ picture, frame }: Wanted, priority: RequestPriority, report: Report): Promise<Frame> {
    const address = addressOf(`/instances/${picture.id}/frames/${frame}/${PACKET_FORM}`);
    const answer = await fetch(address, { priority }); // nothing else, or it would not be the one that the page has begun
    if (!answer.ok || !answer.body) throw await complaint(await fetch(address, { headers: { Accept: "application/json" } }));
    const decoding = this.decoders.begin();
    const [made] = await Promise.all([decoding.frame, pour(answer, decoding, report)]);
    const arrays = [made.stored.data, made.stored.marks, ...made.halves.map(({ data }) => data)];
    this.cache.put(key({ picture, frame }), made, arrays.reduce((sum, array) => sum + (array?.byteLength ?? 0), 0));
    return made;
  }
}

function key({ picture, frame }: Wanted): string {
  return `${picture.id}/${frame}`;
}

/** The answer's bytes into the decoder as they come. */
async function pour(answer: Response, decoding: Decoding, report: Report): Promise<void> {
  const total = Number(answer.headers.get("Content-Length"));
  const reader = (answer.body as ReadableStream<Uint8Array<ArrayBuffer>>).getReader();
  let received = 0;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      received += next.value.length;
      decoding.push(next.value);
      if (total) report(received / total);
    }
    if (total && received !== total) throw new Error(DAMAGED);
  } finally {
    decoding.end();
  }
}

/** An error of the server in its own words. */
export async function complaint(answer: Response): Promise<Error> {
  try {
    const { message, hint } = (await answer.json()) as { message: string; hint: string };
    return new Error(`${message} ${hint}`);
  } catch {
    return new Error(_("The box did not give the picture. Reload the page; if it happens again, call support."));
  }
}
