import { _ } from "../../static/js/words.js";
import { addCaptions } from "./captions";
import { addStackControls, Cine } from "./stack";
import { Input, type Claim } from "./input";
import { Linker } from "./linker";
import { Renderer } from "./renderer";
import type { Picture, Slice } from "./pictures";
import type { PictureSource } from "./source";
import type { Command, Tool } from "./tool";
import { Toolbar, type ButtonPlace } from "./toolbar";
import { Viewport } from "./viewport";

/** How many viewports stand in a row and in a column. */
export interface Layout {
  readonly columns: number;
  readonly rows: number;
}

/** How many slices of a stack, and how many pictures besides, are fetched before anyone asks. */
const SLICES_AHEAD = 8;
const PICTURES_AHEAD = 2;
/** Of one stack's slices only as many as take this share of the cache. */
const SHARE_AHEAD = 0.25;
const SAID_FOR_MS = 4000;
const CHANGES = ["wanted", "shown", "placement", "appearance"] as const;

/**
 * The light table: viewports in a grid, one of them active, a toolbar, one active tool, and the keys.
 *
 * `viewport` is dispatched with a new viewport as detail (for overlays), `active` when another becomes the active one,
 * `layout` when viewports came or went, and every `Change` of any viewport with that viewport as detail.
 */
export class LightTable extends EventTarget {
  readonly toolbar = new Toolbar(this);
  readonly grid = document.createElement("div");
  private readonly words = document.createElement("p");
  /** Asked in turn before the active tool when a pointer goes down, e.g. by handles of drawings. */
  readonly claims: Claim[] = [];
  readonly viewports: Viewport[] = [];
  private readonly tools = new Map<string, Tool>();
  private readonly commands: Command[] = [];
  private readonly takenKeys = new Map<string, string>();
  readonly cine = new Cine();
  private readonly linker = new Linker(this);
  private readonly renderer: Renderer;
  private chosenTool: Tool | undefined;
  private activeViewport: Viewport;
  private arrangement: Layout = { columns: 1, rows: 1 };
  private direction: 1 | -1 = 1;
  private silence: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly element: HTMLElement,
    readonly pictures: readonly Picture[],
    readonly source: PictureSource,
  ) {
    super();
    this.renderer = new Renderer();
    this.grid.className = "grid";
    this.words.className = "words";
    this.words.setAttribute("role", "status");
    this.activeViewport = this.newViewport();
    this.setLayout({ columns: 1, rows: 1 });
    this.element.addEventListener("keydown", (event) => this.key(event));
  }

  /** Put toolbar and viewports into the page. */
  mount(place: HTMLElement, ...beside: HTMLElement[]): void {
    place.replaceChildren(this.toolbar.element, this.grid, this.words, ...beside);
  }

  /** A short word to the person, read out by screen readers too; it goes by itself. */
  say(text: string): void {
    this.words.textContent = _(text);
    clearTimeout(this.silence);
    this.silence = setTimeout(() => (this.words.textContent = ""), SAID_FOR_MS);
  }

  // ---- Viewports

  /** The viewport that commands and keys speak to. */
  get active(): Viewport {
    return this.activeViewport;
  }

  activate(viewport: Viewport): void {
    for (const one of this.viewports) one.element.classList.toggle("active", one === viewport);
    if (viewport === this.activeViewport) return;
    this.activeViewport = viewport;
    this.toolbar.refresh();
    this.dispatchEvent(new CustomEvent("active", { detail: viewport }));
  }

  /** The viewports that are on the screen. */
  get visible(): Viewport[] {
    return this.viewports.filter((viewport) => viewport.element.parentElement === this.grid);
  }

  get layout(): Layout {
    return this.arrangement;
  }

  setLayout(layout: Layout): void {
    const { columns, rows } = (this.arrangement = layout);
    while (this.viewports.length < columns * rows) this.newViewport();
    this.grid.style.gridTemplate = `repeat(${rows}, minmax(0, 1fr)) / repeat(${columns}, minmax(0, 1fr))`;
    const focused = this.grid.contains(document.activeElement);
    this.grid.replaceChildren(...this.viewports.slice(0, columns * rows).map((viewport) => viewport.element));
    if (!this.grid.contains(this.active.element)) this.activate(this.viewports[0] as Viewport);
    if (focused) this.active.element.focus({ preventScroll: true }); // what was taken out has lost it, and the keys with it
    this.toolbar.refresh();
    this.dispatchEvent(new Event("layout"));
  }

  /** Whether zoom, place, window and page turning of one viewport are done in all. */
  get linked(): boolean {
    return this.linker.on;
  }

  set linked(on: boolean) {
    this.linker.on = on;
    this.toolbar.refresh();
  }

  /** The next or previous slice of a stack, or the next picture where there is only one. */
  step(viewport: Viewport, by: number): void {
    const { picture } = viewport;
    if (!picture) return;
    if (picture.stack.length > 1) return this.turnPages(viewport, by);
    const firsts = this.firsts;
    const next = firsts[firsts.findIndex((one) => one.stack === picture.stack) + by];
    if (next) void viewport.show(next);
  }

  private turnPages(viewport: Viewport, by: number): void {
    const all = this.linked ? this.visible : [viewport];
    for (const one of all) void one.showPosition(one.position + by);
    this.direction = by < 0 ? -1 : 1;
  }

  /** The first picture of every stack, in order. */
  get firsts(): Picture[] {
    return this.pictures.filter((one) => one.refusal || one.stack[0]?.picture === one);
  }

  private fetchAhead(viewport: Viewport): void {
    const { picture, position } = viewport;
    const bytes = viewport.stored?.data.byteLength ?? 1;
    if (!picture) return;
    const count = Math.min(SLICES_AHEAD, Math.max(1, Math.floor((SHARE_AHEAD * this.source.cache.budget) / bytes)));
    const slices = Array.from({ length: count }, (_, index) => picture.stack[position + this.direction * (index + 1)]);
    const after = this.firsts.findIndex((one) => one.stack === picture.stack) + 1;
    const others = this.firsts.slice(after, after + PICTURES_AHEAD).map((one) => one.stack[0]);
    this.source.prefetch([...slices, ...others].filter((slice): slice is Slice => slice !== undefined));
  }

  private newViewport(): Viewport {
    const viewport = new Viewport(this.renderer, this.source);
    this.viewports.push(viewport);
    new Input(viewport, this);
    addCaptions(viewport);
    addStackControls(viewport, this);
    for (const change of CHANGES) {
      viewport.addEventListener(change, () => {
        if (viewport === this.activeViewport) this.toolbar.refresh();
        this.dispatchEvent(new CustomEvent(change, { detail: viewport }));
      });
    }
    viewport.addEventListener("shown", () => viewport === this.activeViewport && this.fetchAhead(viewport));
    if (this.chosenTool) viewport.element.style.cursor = this.chosenTool.cursor ?? "crosshair";
    this.dispatchEvent(new CustomEvent("viewport", { detail: viewport }));
    return viewport;
  }

  // ---- Tools, commands, keys

  /** The active tool. */
  get tool(): Tool {
    return this.chosenTool as Tool;
  }

  /** A registered tool; throws if there is none of that id. */
  toolNamed(id: string): Tool {
    const tool = this.tools.get(id);
    if (!tool) throw new Error(`There is no tool "${id}".`);
    return tool;
  }

  addTool(tool: Tool, place: ButtonPlace = {}): void {
    this.takeKey(tool.key, tool.id);
    this.tools.set(tool.id, tool);
    this.toolbar.addTool(tool, place);
  }

  addCommand(command: Command, place: ButtonPlace = {}): void {
    this.takeKey(command.key, command.id);
    this.commands.push(command);
    this.toolbar.addCommand(command, place);
  }

  /** Two things on one key would hide one of them. */
  private takeKey(key: string | undefined, id: string): void {
    if (!key) return;
    const holder = this.takenKeys.get(key);
    if (holder !== undefined) throw new Error(`${id} and ${holder} want the same key ${key}`);
    this.takenKeys.set(key, id);
  }

  /** Make a tool the active one. */
  choose(id: string): void {
    this.chosenTool?.left?.(this);
    this.chosenTool = this.toolNamed(id);
    for (const viewport of this.viewports) viewport.element.style.cursor = this.tool.cursor ?? "crosshair";
    this.tool.chosen?.(this);
    this.toolbar.refresh();
  }

  /** Run a command on the active viewport. */
  run(command: Command): void {
    command.run(this.active, this);
    this.toolbar.refresh();
  }

  /** All that has a key, for the help. */
  get keys(): { key: string; label: string; hint: string }[] {
    const all = [...this.tools.values(), ...this.commands];
    return all.flatMap(({ key, label, hint }) => (key ? [{ key, label, hint }] : []));
  }

  private key(event: KeyboardEvent): void {
    const target = event.target as Element;
    if (target.closest("input, textarea, select")) return;
    if ((event.key === "Enter" || event.key === " ") && target.closest("button, a, summary")) return; // it presses them
    if (event.metaKey || event.altKey) return;
    if (this.tool.pressed?.(event, this.active)) return event.preventDefault();
    if (event.key === "Escape") this.tool.cancel?.();
    const key = `${event.ctrlKey ? "ctrl+" : ""}${event.key.length === 1 ? event.key.toLowerCase() : event.key}`;
    const tool = [...this.tools.values()].find((one) => one.key === key);
    const command = this.commands.find((one) => one.key === key);
    if (!tool && !command) return;
    event.preventDefault();
    if (tool) this.choose(tool.id);
    else if (command) this.run(command);
  }
}
