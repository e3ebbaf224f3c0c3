// Keeps drawings, presentations and key images in the study as DICOM objects, and shows those that are there.
import { _ } from "../../../static/js/words.js";
import { addressOf } from "../address";
import { complaint } from "../source";
import type { Point } from "../geometry";
import type { Viewport } from "../viewport";
import type { Bench } from "./bench";
import type { Value } from "./definition";
import type { Basis } from "./plane";
import type { Drawing } from "./sketchbook";
import { onImage, toDisplayed, type KeptView } from "./views";

const RETRY_MS = 10_000;

interface KeptDrawing extends Omit<Drawing, "points"> {
  readonly points: readonly (readonly [number, number])[];
  readonly values: readonly Value[];
  readonly basis: Basis;
}

/** A presentation state of the study: how some of its pictures are to be shown. */
export interface Presentation {
  readonly id: number;
  readonly label: string;
  /** Who made it. */
  readonly by: string;
  readonly own: boolean;
  readonly views: readonly KeptView[];
}

interface Kept {
  readonly drawings: readonly KeptDrawing[];
  readonly presentations: readonly Presentation[];
  readonly keys: readonly { readonly picture: number; readonly by: string }[];
}

/** The study's drawings at the box, a draft of them on this PC until they are saved, and what is changed since. */
export class Keeping extends EventTarget {
  presentations: readonly Presentation[] = [];
  readonly keys = new Set<number>();
  private savedDrawings: readonly Drawing[] = [];
  private savedKeys = "";
  private readonly views = new Map<number, KeptView>();
  private retry = 0;
  /** Whether the draft of an earlier visit was read; until then nothing may overwrite it. */
  private draftRead = false;

  constructor(
    private readonly bench: Bench,
    private readonly study: number,
  ) {
    super();
    bench.book.addEventListener("change", () => this.changed());
    window.addEventListener("online", () => this.retry && void this.save());
  }

  private get url(): string {
    return addressOf(`/studies/${this.study}/drawings.json`);
  }

  private get draftName(): string {
    return `drawings-${addressOf(`/${this.study}`)}`;
  }

  /** What is not saved yet. */
  get isDirty(): boolean {
    return this.drawingsChanged || this.keysChanged || this.views.size > 0;
  }

  private get own(): Drawing[] {
    return this.bench.book.all.filter((drawing) => !drawing.origin);
  }

  private get drawingsChanged(): boolean {
    return JSON.stringify(this.own) !== JSON.stringify(this.savedDrawings);
  }

  private get keysChanged(): boolean {
    return [...this.keys].sort().join() !== this.savedKeys;
  }

  /** Fetch what the study holds, then what this PC kept of an earlier visit. */
  async load(): Promise<void> {
    try {
      const answer = await fetch(this.url, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw await complaint(answer);
      this.show((await answer.json()) as Kept);
    } catch (error) {
      this.say((error as Error).message);
    }
    this.loadDraft();
    this.draftRead = true;
    this.changed();
  }

  private show(kept: Kept): void {
    this.presentations = kept.presentations;
    const drawings = kept.drawings.map((drawing) => this.remembered(drawing));
    this.savedDrawings = drawings.filter((drawing) => !drawing.origin);
    for (const { picture } of kept.keys) this.keys.add(picture);
    this.savedKeys = [...this.keys].sort().join();
    this.bench.book.load(drawings);
  }

  private remembered({ points, values, basis, ...rest }: KeptDrawing): Drawing {
    const drawing: Drawing = { ...rest, points: points.map(([x, y]) => ({ x, y })) };
    this.bench.readings.remember(drawing, { values, basis });
    return drawing;
  }

  private loadDraft(): void {
    const text = localStorage.getItem(this.draftName);
    if (!text) return;
    const { drawings, keys } = JSON.parse(text) as { drawings: KeptDrawing[]; keys: number[] };
    const kept = new Set(drawings.map(({ uid }) => uid));
    this.bench.book.drop(this.savedDrawings.filter(({ uid }) => !kept.has(uid)));
    this.bench.book.load(drawings.map((drawing) => this.remembered(drawing)));
    this.keys.clear();
    for (const key of keys) this.keys.add(key);
    this.say(_("Drawings that were not saved are here again."));
  }

  private changed(): void {
    if (this.draftRead) this.keepDraft();
    this.dispatchEvent(new Event("change"));
  }

  private keepDraft(): void {
    if (this.drawingsChanged || this.keysChanged) {
      localStorage.setItem(this.draftName, JSON.stringify({ drawings: this.own.map((drawing) => this.toKeep(drawing)), keys: [...this.keys] }));
    } else localStorage.removeItem(this.draftName);
  }

  /** Mark a picture as a key image, or take the mark away. */
  toggleKey(picture: number): void {
    if (!this.keys.delete(picture)) this.keys.add(picture);
    this.changed();
  }

  /** Remember how a viewport shows its picture, for the next save. */
  noteView(viewport: Viewport): void {
    const view = toDisplayed(viewport);
    const graphics = this.bench.overlay(viewport).graphics;
    if (view) this.views.set(view.picture, { ...view, graphics });
    this.changed();
  }

  /** Put everything into the study; kept here and tried again when the box does not answer. */
  async save(): Promise<boolean> {
    clearTimeout(this.retry);
    this.retry = 0;
    const views = [...this.views.values()];
    const own = this.own;
    const keys = [...this.keys];
    const body = {
      ...(this.drawingsChanged ? { drawings: own.map((drawing) => this.toKeep(drawing)) } : {}),
      ...(views.length ? { views } : {}),
      ...(this.keysChanged ? { keys } : {}),
    };
    try {
      const answer = await fetch(this.url, { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrfToken() }, body: JSON.stringify(body) });
      if (!answer.ok) throw await complaint(answer);
    } catch (error) {
      if (!(error instanceof TypeError)) return this.say((error as Error).message), false;
      this.say(_("The box does not answer. The drawings stay on this PC and are saved when it does."));
      this.retry = window.setTimeout(() => void this.save(), RETRY_MS);
      return false;
    }
    this.savedDrawings = own;
    this.savedKeys = keys.sort().join();
    for (const view of views) if (this.views.get(view.picture) === view) this.views.delete(view.picture);
    this.changed();
    this.say(_("Saved in the study."));
    return true;
  }

  private toKeep(drawing: Drawing): KeptDrawing {
    const viewport = this.bench.table.viewports.find(({ picture, frame, facts }) => facts && picture?.id === drawing.picture && frame === drawing.frame);
    const { values, basis } = viewport ? this.bench.readings.of(drawing, viewport) : this.bench.readings.last(drawing.uid);
    return { ...drawing, points: drawing.points.map(({ x, y }) => [x, y] as const), values, basis };
  }

  private say(text: string): void {
    this.bench.guide.tell(text);
  }

  /** Show a picture as a presentation state says. */
  apply(presentation: Presentation, viewport: Viewport): void {
    const view = presentation.views.find(({ picture, frame }) => picture === viewport.picture?.id && (!frame || frame === viewport.frame));
    if (!view) return;
    this.bench.history.quietly(() => onImage(viewport, view));
    const graphics = presentation.own ? [] : view.graphics.map(({ points, text }) => ({ line: { points: points.map(([x, y]): Point => ({ x, y })) }, text }));
    this.bench.overlay(viewport).showForeign(view, graphics);
  }

  /** Those that say something about a viewport's picture, the newest first. */
  presentationsOf({ picture }: Viewport): Presentation[] {
    return this.presentations.filter(({ views }) => views.some((view) => view.picture === picture?.id));
  }
}

/** The page's own, for requests that change something. */
export function csrfToken(): string {
  return document.querySelector<HTMLInputElement>("input[name=csrf_token]")?.value ?? "";
}

