import type { Point } from "../geometry";
import type { Viewport } from "../viewport";
import { definitionOf } from "./catalogue";
import type { Line } from "./definition";
import type { Labels } from "./labels";
import { planeFor } from "./plane";
import { labelLines, type Readings } from "./readings";
import type { Drawing, Sketchbook } from "./sketchbook";

const SVG = "http://www.w3.org/2000/svg";
const LINE_PX = 17;
const CHARACTER_PX = 7.4;
const GAP_PX = 14;

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A line of a presentation state, or words at its first point. */
interface Foreign {
  readonly line: Line;
  readonly text: string;
}

/** A line of plain points; words at the first of them, with a leader to the second. */
interface Plain {
  readonly points: readonly [number, number][];
  readonly text: string;
}

/** Draws the drawings of a viewport's picture into its overlay; labels stand beside the figures, never on them. */
export class Overlay {
  private readonly group = element("g", { class: "drawings" });
  private readonly boxes = new Map<string, Box>();
  private due = 0;
  /** What is being placed, drawn with the others. */
  unfinished: { kind: string; points: readonly Point[]; next?: Point | undefined } | undefined;
  private foreign: { readonly of: { readonly picture: number; readonly frame: number } | undefined; readonly graphics: readonly Foreign[] } = { of: undefined, graphics: [] };
  hidden = false;

  constructor(
    private readonly viewport: Viewport,
    private readonly book: Sketchbook,
    private readonly readings: Readings,
    private readonly labels: Labels,
  ) {
    viewport.overlay.append(this.group);
    for (const change of ["shown", "placement"]) viewport.addEventListener(change, () => this.drawSoon());
    for (const source of [book, labels]) source.addEventListener("change", () => this.drawSoon());
  }

  get drawings(): Drawing[] {
    const { picture, frame, facts } = this.viewport;
    return picture && facts && !this.hidden ? this.book.on(picture.id, frame) : [];
  }

  /** Drawings of a presentation state, which cannot be changed; they are shown while its picture is. */
  showForeign(of: Overlay["foreign"]["of"], graphics: readonly Foreign[]): void {
    this.foreign = { of, graphics };
    this.drawSoon();
  }

  private get foreignShown(): readonly Foreign[] {
    const { of, graphics } = this.foreign;
    const { picture, frame } = this.viewport;
    return !this.hidden && of && of.picture === picture?.id && (!of.frame || of.frame === frame) ? graphics : [];
  }

  /** The drawings as plain lines and words, for workstations that know no measurements. */
  get graphics(): Plain[] {
    return this.drawings.flatMap((drawing) => {
      const words = this.linesOfLabel(drawing).join("; ");
      const lines = this.linesOf(drawing.kind, drawing.points).flatMap((line) => this.plainLines(line));
      const at = this.labels.all.get(drawing.uid) ?? drawing.points[0];
      return words && at ? [...lines, plain([at], words)] : lines;
    });
  }

  /** All that is drawn over the picture, for a copy that shows the same: lines, rings at points, labels where they stand. */
  get seen(): Plain[] {
    this.draw();
    const own = this.drawings.flatMap((drawing) => {
      const lines = this.linesOf(drawing.kind, drawing.points).flatMap((line) => this.plainLines(line));
      const rings = drawing.points.map((point) => plain([point]));
      const at = this.labelPlace(drawing);
      const { x, y, width, height } = around(drawing.points);
      const label = at ? [plain([this.viewport.toImage(at), { x: x + width / 2, y: y + height / 2 }], this.linesOfLabel(drawing).join("\n"))] : [];
      return [...lines, ...rings, ...label];
    });
    return [...own, ...this.foreignShown.map(({ line, text }) => plain(line.points, text))];
  }

  private linesOfLabel(drawing: Drawing): string[] {
    return labelLines(drawing, this.readings.of(drawing, this.viewport));
  }

  private plainLines({ points, arrow }: Line): Plain[] {
    const [tip, tail] = points.map((point) => this.viewport.toCanvas(point));
    const head = arrow && tip && tail ? [plain(barbs(tip, tail).map((point) => this.viewport.toImage(point)))] : [];
    return [plain(points), ...head];
  }

  /** The drawing whose label lies at a point of the viewport. */
  labelAt({ x, y }: Point): Drawing | undefined {
    return this.drawings.find(({ uid }) => {
      const box = this.boxes.get(uid);
      return box && x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
    });
  }

  /** Where the middle of a drawing's label lies in the viewport. */
  labelPlace({ uid }: Drawing): Point | undefined {
    const box = this.boxes.get(uid);
    return box && { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  }

  drawSoon(): void {
    this.due ||= requestAnimationFrame(() => this.draw());
  }

  draw(): void {
    this.due = 0;
    this.boxes.clear();
    const taken: Box[] = [];
    const drawn = this.drawings.map((drawing) => this.figure(drawing));
    for (const { box } of drawn) taken.push(box);
    const labels = drawn.map(({ drawing, box }) => this.label(drawing, box, taken));
    this.group.replaceChildren(...drawn.map(({ node }) => node), ...labels, ...this.foreignNodes(), ...this.unfinishedNodes());
  }

  private figure(drawing: Drawing): { drawing: Drawing; node: SVGElement; box: Box } {
    const chosen = this.book.chosen?.uid === drawing.uid;
    const node = element("g", { class: `figure${chosen ? " chosen" : ""}${drawing.origin ? " elsewhere" : ""}`, "data-uid": drawing.uid, "data-kind": drawing.kind });
    const points = drawing.points.map((point) => this.viewport.toCanvas(point));
    for (const line of this.linesOf(drawing.kind, drawing.points)) node.append(...this.lineNodes(line));
    for (const point of points) node.append(element("circle", { class: "point", cx: point.x, cy: point.y, r: chosen ? 6 : 3 }));
    return { drawing, node, box: around(points) };
  }

  private linesOf(kind: string, points: readonly Point[]): Line[] {
    const { facts } = this.viewport;
    const definition = definitionOf(kind);
    if (!facts) return [];
    if (!definition) return [{ points }];
    try {
      return definition.lines(points, planeFor(facts, undefined, points));
    } catch (error) {
      if (error instanceof RangeError) return [{ points }]; // not all of its points are there yet
      throw error;
    }
  }

  private lineNodes({ points, dashed, arrow }: Line): SVGElement[] {
    const path = points.map((point) => this.viewport.toCanvas(point));
    const d = pathOf(path);
    const head = arrow && path[0] && path[1] ? pathOf(barbs(path[0], path[1])) : "";
    return ["halo", "line"].map((layer) => element("path", { class: `${layer}${dashed ? " dashed" : ""}`, d: d + head }));
  }

  private label(drawing: Drawing, figure: Box, taken: Box[]): SVGElement {
    const lines = this.linesOfLabel(drawing);
    const node = element("g", { class: `label${drawing.origin ? " elsewhere" : ""}` });
    if (!lines.length) return node;
    const box = this.placeFor(Math.max(...lines.map((line) => line.length)) * CHARACTER_PX + 14, lines.length * LINE_PX + 8, figure, taken, this.labels.all.get(drawing.uid));
    taken.push(box);
    this.boxes.set(drawing.uid, box);
    node.append(element("path", { class: "leader", d: leader(figure, box) }), element("rect", { x: box.x, y: box.y, width: box.width, height: box.height, rx: 6 }));
    lines.forEach((line, number) => {
      const text = element("text", { x: box.x + 7, y: box.y + LINE_PX * (number + 1) - 1 });
      text.textContent = line;
      node.append(text);
    });
    return node;
  }

  /** Where a person put it; else beside the figure, inside the viewport, clear of what stands there or nearly so. */
  private placeFor(width: number, height: number, figure: Box, taken: Box[], chosen: Point | undefined): Box {
    const { clientWidth, clientHeight } = this.viewport.element;
    const inside = (x: number, y: number): Box => ({
      x: Math.max(4, Math.min(clientWidth - width - 4, x)),
      y: Math.max(30, Math.min(clientHeight - height - 30, y)),
      width,
      height,
    });
    if (chosen) {
      const { x, y } = this.viewport.toCanvas(chosen);
      return inside(x - width / 2, y - height / 2);
    }
    const [right, below] = [figure.x + figure.width, figure.y + figure.height];
    const [middleX, middleY] = [figure.x + (figure.width - width) / 2, figure.y + (figure.height - height) / 2];
    const places = [inside(right + GAP_PX, middleY), inside(figure.x - width - GAP_PX, middleY), inside(middleX, figure.y - height - GAP_PX), inside(middleX, below + GAP_PX)];
    for (let row = 30; row + height < clientHeight - 30; row += height + 6) places.push(inside(clientWidth, row), inside(0, row));
    const covered = (box: Box): number => taken.reduce((sum, other) => sum + overlap(box, other), 0);
    return places.reduce((best, box) => (covered(box) < covered(best) ? box : best));
  }

  private foreignNodes(): SVGElement[] {
    return this.foreignShown.map(({ line, text }) => {
      const node = element("g", { class: "figure elsewhere" });
      if (line.points.length > 1) node.append(...this.lineNodes(line));
      const at = line.points[0] && this.viewport.toCanvas(line.points[0]);
      if (text && at) {
        const words = element("text", { x: at.x + 6, y: at.y - 6 });
        words.textContent = text;
        node.append(words);
      }
      return node;
    });
  }

  private unfinishedNodes(): SVGElement[] {
    if (!this.unfinished) return [];
    const { points, next, kind } = this.unfinished;
    const all = next ? [...points, next] : points;
    const node = element("g", { class: "figure chosen unfinished" });
    const spread = all.length === 2 ? (definitionOf(kind)?.spread?.(all) ?? all) : all;
    if (all.length > 1) for (const line of this.linesOf(kind, spread)) node.append(...this.lineNodes(line));
    for (const point of points.map((one) => this.viewport.toCanvas(one))) node.append(element("circle", { class: "point", cx: point.x, cy: point.y, r: 4 }));
    if (next) {
      const { x, y } = this.viewport.toCanvas(next);
      node.append(element("path", { class: "cross", d: `M${x - 12} ${y}H${x - 3}M${x + 3} ${y}H${x + 12}M${x} ${y - 12}V${y - 3}M${x} ${y + 3}V${y + 12}` }));
    }
    return [node];
  }
}

export function element(name: string, attributes: Record<string, string | number>): SVGElement {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}

function around(points: readonly Point[]): Box {
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

function overlap(a: Box, b: Box): number {
  const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return across > 0 && down > 0 ? across * down : 0;
}

function leader(figure: Box, box: Box): string {
  const from = { x: figure.x + figure.width / 2, y: figure.y + figure.height / 2 };
  const to = { x: Math.max(box.x, Math.min(box.x + box.width, from.x)), y: Math.max(box.y, Math.min(box.y + box.height, from.y)) };
  return `M${from.x} ${from.y}L${to.x} ${to.y}`;
}

/** The head of an arrow as a line: one barb, the tip, the other barb. */
function barbs(tip: Point, tail: Point): Point[] {
  const along = Math.atan2(tail.y - tip.y, tail.x - tip.x);
  const barb = (turn: number): Point => ({ x: tip.x + 16 * Math.cos(along + turn), y: tip.y + 16 * Math.sin(along + turn) });
  return [barb(0.45), tip, barb(-0.45)];
}

function pathOf(points: readonly Point[]): string {
  return points.map(({ x, y }, number) => `${number ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`).join("");
}

function plain(points: readonly Point[], text = ""): Plain {
  return { points: points.map(({ x, y }): [number, number] => [x, y]), text };
}
