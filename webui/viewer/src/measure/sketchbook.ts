import type { Point } from "../geometry";
import { definitionOf } from "./catalogue";
import { moved } from "./definition";
import type { History } from "./history";
import type { Calibration } from "./plane";

/** One measurement or drawing on a frame of a picture; never changed, only replaced. */
export interface Drawing {
  /** A UID, so that the same drawing is known in later reports. */
  readonly uid: string;
  readonly kind: string;
  /** The instance's row at the box. */
  readonly picture: number;
  readonly frame: number;
  /** Image coordinates. */
  readonly points: readonly Point[];
  /** Words of an arrow or a text; millimetres of a calibration. */
  readonly text: string;
  /** Who made it elsewhere, empty for those of this page. */
  readonly origin?: string;
  /** What the maker measured, for kinds that this page does not know. */
  readonly said?: string;
}

/** All drawings of the page's pictures; dispatches `change`. */
export class Sketchbook extends EventTarget {
  private drawings: readonly Drawing[] = [];
  private chosenUid = "";

  constructor(private readonly history: History) {
    super();
  }

  get all(): readonly Drawing[] {
    return this.drawings;
  }

  /** The drawing that keys speak to. */
  get chosen(): Drawing | undefined {
    return this.drawings.find((drawing) => drawing.uid === this.chosenUid);
  }

  on(picture: number, frame: number): Drawing[] {
    return this.drawings.filter((drawing) => drawing.picture === picture && drawing.frame === frame);
  }

  /** The scale that a marker gave a picture; the last one counts. */
  calibrationOf(picture: number): Calibration | undefined {
    const marker = this.drawings.filter((drawing) => drawing.kind === "calibration" && drawing.picture === picture).at(-1);
    const millimetres = Number(marker?.text);
    return marker && millimetres > 0 ? { points: marker.points, millimetres } : undefined;
  }

  choose(uid: string): void {
    this.chosenUid = uid;
    this.announce();
  }

  add(drawing: Drawing): void {
    this.chosenUid = drawing.uid;
    this.become([...this.drawings, drawing]);
  }

  remove(uid: string): void {
    this.become(this.drawings.filter((drawing) => drawing.uid !== uid));
  }

  replace(drawing: Drawing): void {
    this.become(this.swapped(drawing));
  }

  /** Show a change that is still going on; `settle` makes it one step of the history. */
  preview(drawing: Drawing): void {
    this.drawings = this.swapped(drawing);
    this.announce();
  }

  /** End a preview that began with `before`. */
  settle(before: readonly Drawing[]): void {
    const after = this.drawings;
    if (after !== before) this.record(before, after);
  }

  /** What was kept before, without a step in the history. */
  load(drawings: readonly Drawing[]): void {
    const known = new Set(drawings.map((drawing) => drawing.uid));
    this.drawings = [...drawings, ...this.drawings.filter((drawing) => !known.has(drawing.uid))];
    this.announce();
  }

  /** Leave out what an earlier visit had deleted, without a step in the history. */
  drop(drawings: readonly Drawing[]): void {
    const gone = new Set(drawings.map((drawing) => drawing.uid));
    this.drawings = this.drawings.filter((drawing) => !gone.has(drawing.uid));
    this.announce();
  }

  private swapped(drawing: Drawing): Drawing[] {
    return this.drawings.map((one) => (one.uid === drawing.uid ? drawing : one));
  }

  private become(after: readonly Drawing[]): void {
    const before = this.drawings;
    this.drawings = after;
    this.announce();
    this.record(before, after);
  }

  private record(before: readonly Drawing[], after: readonly Drawing[]): void {
    const set = (drawings: readonly Drawing[]): void => {
      this.drawings = drawings;
      this.announce();
    };
    this.history.record({ undo: () => set(before), redo: () => set(after) });
  }

  private announce(): void {
    this.dispatchEvent(new Event("change"));
  }
}

/** The drawing after one of its points was moved. */
export function withPoint(drawing: Drawing, index: number, to: Point): Drawing {
  const definition = definitionOf(drawing.kind);
  return definition ? exact({ ...drawing, points: moved(definition, drawing.points, index, to) }) : drawing;
}

/** The drawing moved as a whole. */
export function shifted(drawing: Drawing, by: Point): Drawing {
  return exact({ ...drawing, points: drawing.points.map(({ x, y }) => ({ x: x + by.x, y: y + by.y })) });
}

/** With coordinates of single precision, as DICOM keeps them (SCOORD, PS3.3 C.18.6), so that nothing changes there. */
export function exact(drawing: Drawing): Drawing {
  return { ...drawing, points: drawing.points.map(({ x, y }) => ({ x: Math.fround(x), y: Math.fround(y) })) };
}

/** A UID by a random UUID (PS3.5 B.2). */
export function newUid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return `2.25.${bytes.reduce((number, byte) => number * 256n + BigInt(byte), 0n)}`;
}
