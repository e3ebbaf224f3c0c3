import { complaint, isTable, unpack, type Facts, type Pixels, type Voi, type Window } from "./facts";
import type { Renderer, View } from "./renderer";

const MOST_ZOOM = 16;

/** One picture on the page: loads itself when it comes near, and reacts to mouse, touch and keys. */
export class Picture {
  readonly canvas = document.createElement("canvas");
  private readonly preview = document.createElement("img");
  private readonly hud = document.createElement("output");
  private readonly bar = document.createElement("progress");
  private readonly trouble = document.createElement("p");
  private readonly pointers = new Map<number, PointerEvent>();
  private facts: Facts | undefined;
  private pixels: Pixels | undefined;
  private voi: Voi | undefined;
  private choice = 0;
  private invert = false;
  private view: View = { scale: 1, x: 0, y: 0 };
  private fitted = true;
  private frame = 1;
  private wanted = false;

  constructor(private readonly element: HTMLElement, private readonly renderer: Renderer) {
    element.tabIndex = 0;
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", `${element.dataset["label"] ?? "Picture"}. Drag for brightness and contrast, wheel for zoom, F to fit.`);
    this.preview.src = element.dataset["preview"] ?? "";
    this.preview.alt = "";
    this.bar.max = 1;
    this.trouble.hidden = true;
    this.trouble.setAttribute("role", "alert");
    element.replaceChildren(this.preview, this.canvas, this.hud, this.bar, this.trouble);
    this.listen();
    new ResizeObserver(() => this.resized()).observe(element);
    new IntersectionObserver((seen) => seen.some((s) => s.isIntersecting) && this.load(), { rootMargin: "600px" }).observe(element);
  }

  /** The displayed value of an image pixel, for measuring tools and tests. */
  valueAt(column: number, row: number): number[] {
    if (!this.pixels || !this.facts) return [];
    return this.renderer.valueAt(this.pixels, this.facts, this.voi, this.invert, column, row);
  }

  private async load(): Promise<void> {
    if (this.wanted) return;
    this.wanted = true;
    this.trouble.hidden = true;
    this.bar.hidden = false;
    try {
      const url = (this.element.dataset["image"] as string).replace("{frame}", String(this.frame));
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw await complaint(answer);
      const facts = (await answer.json()) as Facts;
      this.pixels = unpack(facts, await this.download(facts.pixels_url));
      this.show(facts);
    } catch (error) {
      this.complain(error instanceof TypeError ? "The box does not answer. Check that it is switched on." : (error as Error).message);
    } finally {
      this.bar.hidden = true;
    }
  }

  private async download(url: string): Promise<ArrayBuffer> {
    const answer = await fetch(url, { headers: { Accept: "application/octet-stream, application/json" } });
    if (!answer.ok || !answer.body) throw await complaint(answer);
    const total = Number(answer.headers.get("Content-Length"));
    const parts: Uint8Array[] = [];
    let received = 0;
    const reader = answer.body.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      parts.push(next.value);
      received += next.value.length;
      if (total) this.bar.value = received / total;
    }
    const whole = new Uint8Array(received);
    parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
    return whole.buffer;
  }

  private complain(text: string): void {
    const again = document.createElement("button");
    again.textContent = "Try again";
    again.addEventListener("click", () => ((this.wanted = false), void this.load()));
    this.trouble.replaceChildren(text, " ", again);
    this.trouble.hidden = false;
  }

  private show(facts: Facts): void {
    const first = this.facts === undefined;
    this.facts = facts;
    if (first) this.reset();
    this.canvas.classList.add("ready");
    this.resized();
    this.element.dispatchEvent(new CustomEvent("picture-shown", { bubbles: true }));
    this.element.dataset["shown"] = "full";
  }

  private reset(): void {
    this.choose(0);
    this.invert = this.facts?.invert ?? false;
    this.fit();
  }

  private choose(number: number): void {
    const choices = this.facts?.voi ?? [];
    this.choice = choices.length ? number % choices.length : 0;
    const voi = choices[this.choice];
    this.voi = voi && { ...voi };
  }

  private fit(): void {
    const { facts, canvas } = this;
    if (!facts) return;
    const height = facts.rows * facts.pixel_aspect;
    const scale = Math.min(canvas.width / facts.columns, canvas.height / height);
    this.view = { scale, x: (canvas.width - facts.columns * scale) / 2, y: (canvas.height - height * scale) / 2 };
    this.fitted = true;
    this.draw();
  }

  private resized(): void {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(this.element.clientWidth * ratio), Math.round(this.element.clientHeight * ratio)];
    if (!width || !height) return;
    [this.canvas.width, this.canvas.height] = [width, height];
    if (this.fitted) this.fit();
    else this.draw();
  }

  private draw(): void {
    const { facts, pixels, canvas } = this;
    if (!facts || !pixels || !canvas.width) return;
    try {
      this.renderer.draw(pixels, facts, this.voi, this.invert, this.view, canvas.width, canvas.height);
    } catch (error) {
      this.complain((error as Error).message);
      return;
    }
    canvas.getContext("2d")?.drawImage(this.renderer.canvas, 0, 0);
    this.hud.textContent = this.words();
  }

  private words(): string {
    const zoom = `${Math.round((this.view.scale / (window.devicePixelRatio || 1)) * 100)} %`;
    const frames = this.facts && this.facts.frames > 1 ? `frame ${this.frame} of ${this.facts.frames} · ` : "";
    if (!this.voi) return frames + zoom;
    if (isTable(this.voi)) return `${frames}${zoom} · ${this.voi.label ?? "curve"}`;
    return `${frames}${zoom} · window ${Math.round(this.voi.width)} / ${Math.round(this.voi.center)}`;
  }

  private zoom(factor: number, x = this.canvas.width / 2, y = this.canvas.height / 2): void {
    if (!this.facts) return;
    const least = Math.min(this.canvas.width / this.facts.columns, this.canvas.height / this.facts.rows) / 2;
    const scale = Math.min(MOST_ZOOM, Math.max(least, this.view.scale * factor));
    const change = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * change, y: y - (y - this.view.y) * change };
    this.fitted = false;
    this.draw();
  }

  private pan(dx: number, dy: number): void {
    this.view = { ...this.view, x: this.view.x + dx, y: this.view.y + dy };
    this.fitted = false;
    this.draw();
  }

  private adjust(dWidth: number, dCenter: number): void {
    if (!this.voi || isTable(this.voi)) return;
    const window: Window = this.voi;
    const step = Math.max(window.width, 1) / 300;
    window.width = Math.max(1, window.width + dWidth * step);
    window.center += dCenter * step;
    this.draw();
  }

  private turn(by: number): void {
    if (!this.facts) return;
    const next = Math.min(this.facts.frames, Math.max(1, this.frame + by));
    if (next === this.frame) return;
    this.frame = next;
    this.wanted = false;
    void this.load();
  }

  private listen(): void {
    const { element } = this;
    element.addEventListener("wheel", (event) => {
      event.preventDefault();
      const [x, y] = this.point(event);
      this.zoom(Math.exp(-event.deltaY * 0.0015), x, y);
    }, { passive: false });
    element.addEventListener("pointerdown", (event) => {
      if (event.target instanceof HTMLButtonElement) return;
      element.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, event);
    });
    element.addEventListener("pointermove", (event) => this.moved(event));
    for (const end of ["pointerup", "pointercancel"] as const) {
      element.addEventListener(end, (event) => this.pointers.delete(event.pointerId));
    }
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("dblclick", () => this.fit());
    element.addEventListener("keydown", (event) => this.key(event));
  }

  private point(event: MouseEvent): [number, number] {
    const ratio = window.devicePixelRatio || 1;
    const box = this.element.getBoundingClientRect();
    return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
  }

  private moved(event: PointerEvent): void {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const ratio = window.devicePixelRatio || 1;
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
    const other = [...this.pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
    this.pointers.set(event.pointerId, event);
    if (other) {
      const distance = (a: PointerEvent): number => Math.hypot(a.clientX - other.clientX, a.clientY - other.clientY);
      const [x, y] = this.point(event);
      this.zoom(distance(event) / Math.max(1, distance(before)), x, y);
      this.pan((dx * ratio) / 2, (dy * ratio) / 2);
    } else if (event.buttons === 1 && !event.shiftKey) {
      this.adjust(dx, dy);
    } else {
      this.pan(dx * ratio, dy * ratio);
    }
  }

  private key(event: KeyboardEvent): void {
    const actions: Record<string, () => void> = {
      "+": () => this.zoom(1.25),
      "=": () => this.zoom(1.25),
      "-": () => this.zoom(0.8),
      ArrowLeft: () => this.pan(60, 0),
      ArrowRight: () => this.pan(-60, 0),
      ArrowUp: () => this.pan(0, 60),
      ArrowDown: () => this.pan(0, -60),
      "[": () => this.adjust(-12, 0),
      "]": () => this.adjust(12, 0),
      ";": () => this.adjust(0, -12),
      "'": () => this.adjust(0, 12),
      f: () => this.fit(),
      "0": () => this.fit(),
      "1": () => this.zoom((window.devicePixelRatio || 1) / this.view.scale),
      i: () => ((this.invert = !this.invert), this.draw()),
      r: () => this.reset(),
      w: () => (this.choose(this.choice + 1), this.draw()),
      PageDown: () => this.turn(1),
      PageUp: () => this.turn(-1),
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  }
}
