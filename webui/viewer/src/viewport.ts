import { _ } from "../../static/js/words.js";
import { affine, apply, invert, turnedSize, type Affine, type Placement, type Point } from "./geometry";
import { isTable, modalityValue, sameVoi, type Facts, type Frame, type Stored, type Voi } from "./facts";
import type { Picture, Slice } from "./pictures";
import type { Renderer } from "./renderer";
import type { PictureSource } from "./source";

/** How the stored values look: the grayscale transformation and what is done to please the eye. */
export interface Appearance {
  /** The VOI choice now in use, a copy that may be changed; none for colour. */
  voi: Voi | undefined;
  /** White is black. */
  invert: boolean;
  /** Strength of the unsharp mask, 0 for none. */
  sharpen: number;
  /** Whether the file's overlays are drawn, and whether its shutters cover what they cover. */
  overlays: boolean;
  shutters: boolean;
}

/** Placement in parts of the fitted image, to give it to an image of another size. */
export interface RelativePlacement {
  /** 1 is fitted. */
  readonly zoom: number;
  /** How far the middle of the viewport is from the image's, in widths and heights of the image. */
  readonly offset: Point;
}

/** What was changed: `wanted` is a picture or frame asked for, `shown` one whose pixels are there. */
export type Change = "wanted" | "shown" | "placement" | "appearance";

const MOST_ZOOM = 32;
const LEAST_OF_FIT = 0.25;
const UNREACHABLE = "The box does not answer. Check that it is switched on.";

/**
 * One place on the light table that shows a picture.
 *
 * Each `Change` is dispatched as an event; `overlay` is an SVG layer in CSS pixels above the image for whoever draws
 * there, and `toCanvas` says where an image point lies in it.
 */
export class Viewport extends EventTarget {
  readonly element = document.createElement("div");
  readonly canvas = document.createElement("canvas");
  readonly overlay = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  private readonly preview = document.createElement("img");
  private readonly bar = document.createElement("progress");
  private readonly trouble = document.createElement("p");
  private shown: (Slice & Frame) | undefined;
  private wanted: Slice | undefined;
  private look: Appearance = asGiven(undefined);
  private place: Placement = { zoom: 1, rotation: 0, flipped: false, centre: { x: 0, y: 0 } };
  private fitted = true;
  private redraw = 0;

  constructor(
    private readonly renderer: Renderer,
    private readonly source: PictureSource,
  ) {
    super();
    this.element.className = "viewport";
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "group");
    this.overlay.setAttribute("class", "overlay");
    this.preview.alt = "";
    this.bar.max = 1;
    this.bar.hidden = this.trouble.hidden = true;
    this.bar.setAttribute("aria-label", _("Loading the picture in full depth"));
    this.trouble.setAttribute("role", "alert");
    this.element.append(this.preview, this.canvas, this.overlay, this.bar, this.trouble);
    new ResizeObserver(() => this.resized()).observe(this.element);
    renderer.addEventListener("restored", () => this.draw());
  }

  // ---- What is shown

  /** The picture that was asked for last, even if its pixels are still on the way. */
  get picture(): Picture | undefined {
    return this.wanted?.picture;
  }

  /** The frame that was asked for last, counted from 1. */
  get frame(): number {
    return this.wanted?.frame ?? 1;
  }

  /** The facts of the frame that is drawn. */
  get facts(): Facts | undefined {
    return this.shown?.facts;
  }

  /** The stored values of the frame that is drawn, for probes and regions. */
  get stored(): Stored | undefined {
    return this.shown?.stored;
  }

  /** The value after the modality LUT at a pixel, [red, green, blue] for colour, undefined outside the image. */
  valueAt(column: number, row: number): number | [number, number, number] | undefined {
    const now = this.shown;
    if (!now || column < 0 || row < 0 || column >= now.stored.columns || row >= now.stored.rows) return undefined;
    const at = Math.floor(row) * now.stored.columns + Math.floor(column);
    const { data } = now.stored;
    if (now.stored.colour) return [data[at * 4] as number, data[at * 4 + 1] as number, data[at * 4 + 2] as number];
    return modalityValue(now.facts, data[at] as number);
  }

  /** Where in its stack the picture asked for last stands, counted from 0. */
  get position(): number {
    return this.picture?.stack.findIndex((slice) => slice.picture === this.picture && slice.frame === this.frame) ?? 0;
  }

  /** Show a picture: its preview at once, its full depth when it is there. */
  async show(picture: Picture, frame = 1): Promise<void> {
    const wanted = (this.wanted = { picture, frame });
    this.trouble.hidden = true;
    if (picture.stack !== this.shown?.picture.stack) this.showPreview(picture);
    this.label();
    this.announce("wanted");
    if (picture.refusal) return this.refuse(picture);
    try {
      const kept = this.source.kept(wanted);
      if (!kept) setTimeout(() => this.renderer.prepare()); // after the preview is on the screen
      const found = kept ?? (await this.source.load(wanted, (share) => this.progress(wanted, share)));
      if (this.wanted === wanted) this.present(wanted, found);
    } catch (error) {
      if (this.wanted === wanted) this.complain(error instanceof TypeError ? UNREACHABLE : (error as Error).message);
    } finally {
      if (this.wanted === wanted) this.bar.hidden = true;
    }
  }

  /** Another place in the stack, kept within it. */
  async showPosition(position: number): Promise<void> {
    const stack = this.picture?.stack ?? [];
    const slice = stack[Math.min(stack.length - 1, Math.max(0, position))];
    if (slice && (slice.picture !== this.picture || slice.frame !== this.frame)) await this.show(slice.picture, slice.frame);
  }

  /** Show nothing. */
  clear(): void {
    this.wanted = undefined;
    this.bar.hidden = this.trouble.hidden = true;
    this.showPreview(undefined);
    this.label();
    this.announce("wanted");
  }

  private present(slice: Slice, frame: Frame): void {
    const before = this.shown;
    this.shown = { ...slice, ...frame };
    if (before?.picture.stack !== slice.picture.stack) {
      this.look = asGiven(frame.facts);
      this.place = { ...this.place, rotation: 0, flipped: false };
      this.fitted = true;
    } else if (before && sameVoi(this.look.voi, before.facts.voi?.[0])) {
      this.look = { ...this.look, voi: copy(frame.facts.voi?.[0]) }; // each frame as it is given, until someone chose
    }
    this.resized();
    this.announce("shown");
  }

  private showPreview(picture: Picture | undefined): void {
    this.ready(false);
    this.shown = undefined;
    if (picture?.preview) this.preview.src = picture.preview;
    this.preview.hidden = !picture?.preview;
  }

  /** Whether the canvas is to be seen instead of the preview. */
  private ready(full: boolean): void {
    this.canvas.classList.toggle("ready", full);
    if (full) this.element.dataset["shown"] = "full";
    else delete this.element.dataset["shown"];
  }

  private refuse({ refusal, fileFacts }: Picture): void {
    const reason = document.createElement("strong");
    reason.textContent = refusal;
    this.trouble.replaceChildren(reason, document.createElement("br"), fileFacts);
    this.trouble.hidden = false;
    this.bar.hidden = true;
  }

  private progress(wanted: object, share: number): void {
    if (this.wanted !== wanted) return;
    this.bar.hidden = false;
    this.bar.value = share;
  }

  private complain(text: string): void {
    const again = document.createElement("button");
    again.textContent = _("Try again");
    again.addEventListener("click", () => this.wanted && void this.show(this.wanted.picture, this.wanted.frame));
    this.trouble.replaceChildren(_(text), " ", again);
    this.trouble.hidden = false;
  }

  private label(): void {
    const { picture } = this;
    const frames = picture && picture.stack.length > 1 ? `, ${_("{number} of {count}", { number: this.position + 1, count: picture.stack.length })}` : "";
    this.element.setAttribute("aria-label", picture ? `${picture.label}${frames}` : _("Empty place for a picture"));
  }

  // ---- How it lies

  get placement(): Readonly<Placement> {
    return this.place;
  }

  /** Image to viewport, in CSS pixels. */
  get matrix(): Affine {
    return affine(this.place, this.shown?.facts.pixel_aspect ?? 1, this.element.clientWidth, this.element.clientHeight);
  }

  /** Where an image point lies in the viewport. */
  toCanvas(point: Point): Point {
    return apply(this.matrix, point);
  }

  /** Which image point lies at a point of the viewport. */
  toImage(point: Point): Point {
    return apply(invert(this.matrix), point);
  }

  /** Put the image elsewhere; what is not named stays. */
  setPlacement(change: Partial<Placement>): void {
    const zoom = Math.min(MOST_ZOOM, Math.max(this.fitZoom() * LEAST_OF_FIT, change.zoom ?? this.place.zoom));
    this.place = { ...this.place, ...change, zoom };
    if (change.zoom !== undefined || change.centre !== undefined) this.fitted = false;
    else if (this.fitted) this.fitNow();
    this.drawSoon("placement");
  }

  /** The whole image, as large as it goes. */
  fit(): void {
    this.fitted = true;
    this.fitNow();
    this.drawSoon("placement");
  }

  /** Larger or smaller, about a point of the viewport that keeps its place; the middle by default. */
  zoomBy(factor: number, about?: Point): void {
    const held = about ?? { x: this.element.clientWidth / 2, y: this.element.clientHeight / 2 };
    const under = this.toImage(held);
    this.setPlacement({ zoom: this.place.zoom * factor });
    const now = this.toImage(held);
    const { centre } = this.place;
    this.setPlacement({ centre: { x: centre.x + under.x - now.x, y: centre.y + under.y - now.y } });
  }

  /** Move by CSS pixels. */
  panBy(dx: number, dy: number): void {
    const middle = { x: this.element.clientWidth / 2, y: this.element.clientHeight / 2 };
    this.setPlacement({ centre: this.toImage({ x: middle.x - dx, y: middle.y - dy }) });
  }

  /** Turn clockwise as the eye sees it. */
  rotateBy(degrees: number): void {
    this.setPlacement({ rotation: (((this.place.rotation + degrees) % 360) + 360) % 360 });
  }

  /** Mirror left and right, or up and down, as the eye sees it. */
  mirror(axis: "horizontal" | "vertical"): void {
    const turn = axis === "vertical" ? 180 : 0;
    this.setPlacement({ flipped: !this.place.flipped, rotation: (720 - this.place.rotation + turn) % 360 });
  }

  get relativePlacement(): RelativePlacement {
    const { columns = 1, rows = 1 } = this.facts ?? {};
    const { zoom, centre } = this.place;
    return { zoom: zoom / this.fitZoom(), offset: { x: centre.x / columns - 0.5, y: centre.y / rows - 0.5 } };
  }

  set relativePlacement({ zoom, offset }: RelativePlacement) {
    const { columns = 1, rows = 1 } = this.facts ?? {};
    this.setPlacement({ zoom: zoom * this.fitZoom(), centre: { x: (offset.x + 0.5) * columns, y: (offset.y + 0.5) * rows } });
  }

  private fitZoom(): number {
    const { facts } = this;
    if (!facts) return 1;
    const size = turnedSize(facts.columns, facts.rows, facts.pixel_aspect, this.place.rotation);
    return Math.min(this.element.clientWidth / size.x, this.element.clientHeight / size.y) || 1;
  }

  private fitNow(): void {
    const { facts } = this;
    if (!facts) return;
    this.place = { ...this.place, zoom: this.fitZoom(), centre: { x: facts.columns / 2, y: facts.rows / 2 } };
  }

  private resized(): void {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.element.clientWidth, this.element.clientHeight];
    if (!width || !height) return;
    [this.canvas.width, this.canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    if (this.fitted) this.fitNow();
    this.draw();
    this.announce("placement");
  }

  // ---- How it looks

  get appearance(): Readonly<Appearance> {
    return this.look;
  }

  /** Change the look; what is not named stays. */
  setAppearance(change: Partial<Appearance>): void {
    this.look = { ...this.look, ...change };
    this.drawSoon("appearance");
  }

  /** Move the window: widths and centers in steps of a 300th of the width. */
  adjustWindow(widthSteps: number, centerSteps: number): void {
    const { voi } = this.look;
    if (!voi || isTable(voi)) return;
    const step = voi.width / 300;
    const width = Math.max(voi.function === "LINEAR" ? 1 : 1e-6, voi.width + widthSteps * step);
    this.setAppearance({ voi: { ...voi, width, center: voi.center + centerSteps * step, label: "" } });
  }

  /** Look and place as the file says. */
  reset(): void {
    const { facts } = this;
    if (!facts) return;
    this.look = asGiven(facts);
    this.place = { ...this.place, rotation: 0, flipped: false };
    this.fit();
    this.announce("appearance");
  }

  // ---- Drawing

  /** Draw this image elsewhere, e.g. through a magnifier; `matrix` goes from image to pixels of `canvas`. */
  drawInto(canvas: HTMLCanvasElement, matrix: Affine): void {
    if (!this.shown || !canvas.width || !canvas.height) return;
    this.renderer.draw(this.shown, this.look, matrix, canvas.width, canvas.height);
    canvas.getContext("2d")?.drawImage(this.renderer.canvas, 0, 0);
  }

  /** Red, green and blue as the pipeline shows one image pixel, 0 to 255 each. */
  colourAt(column: number, row: number): number[] {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
    this.drawInto(canvas, { a: 1, b: 0, c: 0, d: 1, e: -column, f: -row });
    return [...(canvas.getContext("2d")?.getImageData(0, 0, 1, 1).data ?? [])].slice(0, 3);
  }

  private drawSoon(change: Change): void {
    this.redraw ||= requestAnimationFrame(() => this.draw());
    this.announce(change);
  }

  private draw(): void {
    cancelAnimationFrame(this.redraw);
    this.redraw = 0;
    if (!this.shown) return;
    const { a, b, c, d, e, f } = this.matrix;
    const ratio = window.devicePixelRatio || 1;
    try {
      this.drawInto(this.canvas, { a: a * ratio, b: b * ratio, c: c * ratio, d: d * ratio, e: e * ratio, f: f * ratio });
    } catch (error) {
      this.ready(false); // the preview stays
      return this.complain((error as Error).message);
    }
    this.ready(true);
  }

  private announce(change: Change): void {
    this.dispatchEvent(new Event(change));
  }
}

function asGiven(facts: Facts | undefined): Appearance {
  return { voi: copy(facts?.voi?.[0]), invert: facts?.invert ?? false, sharpen: 0, overlays: true, shutters: true };
}

function copy(voi: Voi | undefined): Voi | undefined {
  return voi && { ...voi };
}
