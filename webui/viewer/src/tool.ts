import type { Point } from "./geometry";
import type { LightTable } from "./table";
import type { Viewport } from "./viewport";

/** A pointer on a viewport. */
export interface Gesture {
  readonly viewport: Viewport;
  /** Where the pointer is, in image coordinates, and in CSS pixels of the viewport. */
  readonly at: Point;
  readonly canvas: Point;
  /** Where it went down. */
  readonly startAt: Point;
  readonly startCanvas: Point;
  /** How far it went since the last call, in CSS pixels. */
  readonly moved: Point;
  readonly event: PointerEvent;
}

/** What a pointer does; one tool is active at a time. */
export interface Tool {
  readonly id: string;
  /** On its button. */
  readonly label: string;
  /** One sentence on what it is for and how it is used, shown on hover, long press and in the help. */
  readonly hint: string;
  /** Its key, as KeyboardEvent.key in lower case. */
  readonly key?: string;
  /** Path of a 24 x 24 icon drawn as a line; without one the label is shown. */
  readonly icon?: string;
  /** A CSS cursor. */
  readonly cursor?: string;
  /** It became the active tool, or another did. */
  chosen?(table: LightTable): void;
  left?(table: LightTable): void;
  down?(gesture: Gesture): void;
  drag?(gesture: Gesture): void;
  up?(gesture: Gesture): void;
  /** The pointer moves without a button. */
  hover?(gesture: Gesture): void;
  doubleClick?(gesture: Gesture): void;
  /** A second finger, Escape, or the browser took the pointer away. */
  cancel?(): void;
  /** A key while it is active; true if it meant something. */
  pressed?(event: KeyboardEvent, viewport: Viewport): boolean;
}

/** Something that happens at once, from a button or a key. */
export interface Command {
  readonly id: string;
  readonly label: string;
  readonly hint: string;
  /** As KeyboardEvent.key, letters in lower case; "ctrl+z" with the control key. */
  readonly key?: string;
  readonly icon?: string;
  run(viewport: Viewport, table: LightTable): void;
  /** For a command that is on or off. */
  isOn?(viewport: Viewport, table: LightTable): boolean | undefined;
}
