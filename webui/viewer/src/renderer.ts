import { _ } from "../../static/js/words.js";
import { isTable, type Facts, type Frame, type Samples, type Stored, type Voi } from "./facts";
import { invert, type Affine } from "./geometry";
import { levelFor } from "./halves";
import { fragmentShader, MOST_TAPS, TABLE_WIDTH, VERTEX, type Variant } from "./shader";
import type { Appearance } from "./viewport";

/** What pictures may take of the graphics memory; the ones drawn longest ago are given up first. */
export const MAX_TEXTURE_BYTES = 256 * 2 ** 20;

const UNITS = ["stored", "modalityTable", "voiTable", "marks"];
/** What most radiographs are drawn with when they are first seen. */
const USUAL: Variant = { samples: "unsigned", sampling: "mean", modality: "rescale", voi: "LINEAR", marks: false, sharpen: false };
/** Closer than this to 1, a canvas pixel is one image pixel and no more. */
const ROUGHLY = 0.001;
const NO_WEBGL = _("This browser cannot show full pictures (WebGL 2 is missing). Use a current browser.");

interface Program {
  readonly handle: WebGLProgram;
  readonly places: Map<string, WebGLUniformLocation | null>;
}

/**
 * One WebGL2 context for the page; it draws every picture in turn, because browsers allow only a few contexts. It is made
 * when first something is drawn, or a little before.
 */
export class Renderer extends EventTarget {
  readonly canvas = document.createElement("canvas");
  private context: WebGL2RenderingContext | undefined;
  private readonly programs = new Map<string, Program>();
  private readonly textures = new Map<Samples, { texture: WebGLTexture; bytes: number }>();
  private tables = new WeakMap<number[], WebGLTexture>();
  private empty: WebGLTexture | undefined;
  private using: Program | undefined;

  constructor() {
    super();
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => this.startAnew());
  }

  /** How many bytes pictures take of the graphics memory. */
  get textureBytes(): number {
    return [...this.textures.values()].reduce((sum, entry) => sum + entry.bytes, 0);
  }

  private get gl(): WebGL2RenderingContext {
    this.context ??= this.canvas.getContext("webgl2", { antialias: false, alpha: false, preserveDrawingBuffer: true }) ?? undefined;
    if (!this.context) throw new Error(NO_WEBGL);
    return this.context;
  }

  /** Have the graphics driver awake and the usual program built while the first pixels are on their way. */
  prepare(): void {
    if (this.context) return;
    try {
      this.use(USUAL);
      this.bind("stored", this.emptyTexture());
      this.gl.drawArrays(this.gl.TRIANGLES, 0, 3); // some drivers build a program only now
    } catch {
      // said when there is something to draw
    }
  }

  /** Draw at `width` x `height` canvas pixels, `place` from image to canvas; the result is in `canvas`. */
  draw(frame: Frame, look: Readonly<Appearance>, place: Affine, width: number, height: number): void {
    const { gl } = this;
    const { stored, facts, matrix } = levelFor(frame, place);
    if (this.canvas.width !== width || this.canvas.height !== height) [this.canvas.width, this.canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    const toImage = invert(matrix);
    this.use(variantFor(stored, facts, look, toImage));
    this.bind("stored", this.texture(stored.data, stored));
    gl.uniform2f(this.at("size"), facts.columns, facts.rows);
    const { a, b, c, d, e, f } = toImage;
    gl.uniformMatrix3x2fv(this.at("toImage"), false, [a, b, c, d, e, f]);
    gl.uniform2i(this.at("taps"), ...taps(toImage));
    gl.uniform1f(this.at("canvasHeight"), height);
    gl.uniform1f(this.at("sharpen"), look.sharpen);
    if (isSigned(stored.data)) gl.uniform1i(this.at("signBit"), 2 ** (8 * stored.data.BYTES_PER_ELEMENT - 1));
    gl.uniform1i(this.at("invert"), Number(look.invert));
    this.useMarks(stored, facts, look);
    this.useModality(facts);
    this.useVoi(look.voi);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    this.makeRoom(stored);
  }

  private use(variant: Variant): void {
    const name = Object.values(variant).join(" ");
    const program = this.programs.get(name) ?? this.link(variant);
    this.programs.set(name, program);
    if (program === this.using) return;
    this.using = program;
    this.gl.useProgram(program.handle);
    for (const [unit, sampler] of UNITS.entries()) this.gl.uniform1i(this.at(sampler), unit);
  }

  private link(variant: Variant): Program {
    const { gl } = this;
    const handle = gl.createProgram();
    for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, fragmentShader(variant)]] as const) {
      const shader = gl.createShader(type) as WebGLShader;
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(handle, shader);
    }
    gl.linkProgram(handle);
    if (!gl.getProgramParameter(handle, gl.LINK_STATUS)) {
      throw new Error(_("The graphics driver refused: {reason}", { reason: gl.getProgramInfoLog(handle) }));
    }
    return { handle, places: new Map() };
  }

  private at(name: string): WebGLUniformLocation | null {
    const { handle, places } = this.using as Program;
    let place = places.get(name);
    if (place === undefined) places.set(name, (place = this.gl.getUniformLocation(handle, name)));
    return place;
  }

  private bind(name: string, texture: WebGLTexture): void {
    this.gl.activeTexture(this.gl.TEXTURE0 + UNITS.indexOf(name));
    this.gl.bindTexture(this.gl.TEXTURE_2D, texture);
  }

  private useMarks({ marks, rows, columns }: Stored, facts: Facts, look: Readonly<Appearance>): void {
    const { gl } = this;
    gl.uniform1i(this.at("showOverlays"), Number(look.overlays));
    gl.uniform1i(this.at("showShutters"), Number(look.shutters));
    gl.uniform1f(this.at("shutterGrey"), facts.shutter_grey);
    this.bind("marks", marks ? this.texture(marks, { rows, columns, colour: false, data: marks }) : this.emptyTexture());
  }

  private useModality(facts: Facts): void {
    const { gl } = this;
    const lut = facts.modality_lut ?? { slope: 1, intercept: 0 };
    if (isTable(lut)) {
      gl.uniform1i(this.at("modalityCount"), lut.values.length);
      gl.uniform1f(this.at("modalityFirst"), lut.first);
      this.bind("modalityTable", this.table(lut.values));
    } else {
      gl.uniform2f(this.at("rescale"), lut.slope, lut.intercept);
    }
  }

  private useVoi(voi: Voi | undefined): void {
    const { gl } = this;
    if (!voi) return;
    if (isTable(voi)) {
      gl.uniform1i(this.at("voiCount"), voi.values.length);
      gl.uniform1f(this.at("voiFirst"), voi.first);
      this.bind("voiTable", this.table(voi.values));
    } else {
      gl.uniform2f(this.at("window"), voi.center, voi.width);
    }
  }

  private table(values: number[]): WebGLTexture {
    const { gl } = this;
    let texture = this.tables.get(values);
    if (!texture) {
      texture = this.newTexture();
      const rows = Math.ceil(values.length / TABLE_WIDTH);
      const padded = new Float32Array(rows * TABLE_WIDTH);
      padded.set(values);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.R32F, TABLE_WIDTH, rows, 0, gl.RED, gl.FLOAT, padded);
      this.tables.set(values, texture);
    }
    return texture;
  }

  private texture(data: Samples, stored: Stored): WebGLTexture {
    const known = this.textures.get(data);
    this.textures.delete(data);
    const entry = known ?? { texture: this.upload(data, stored), bytes: data.byteLength };
    this.textures.set(data, entry); // the last used stands last
    return entry.texture;
  }

  private upload(data: Samples, { rows, columns, colour }: Stored): WebGLTexture {
    const { gl } = this;
    const limit = gl.getParameter(gl.MAX_TEXTURE_SIZE) as number;
    if (columns > limit || rows > limit) {
      throw new Error(_("This browser shows at most {limit} x {limit} pixels. Open the picture on another computer.", { limit }));
    }
    const texture = this.newTexture();
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    const plain = isSigned(data) ? unsignedView(data) : data;
    const [inside, format, type] = colour
      ? [gl.RGBA8UI, gl.RGBA_INTEGER, gl.UNSIGNED_BYTE]
      : data instanceof Float32Array
        ? [gl.R32F, gl.RED, gl.FLOAT]
        : data.BYTES_PER_ELEMENT === 1
          ? [gl.R8UI, gl.RED_INTEGER, gl.UNSIGNED_BYTE]
          : [gl.R16UI, gl.RED_INTEGER, gl.UNSIGNED_SHORT];
    gl.texImage2D(gl.TEXTURE_2D, 0, inside, columns, rows, 0, format, type, plain);
    return texture;
  }

  private makeRoom(keep: Stored): void {
    let total = this.textureBytes;
    for (const [owner, entry] of this.textures) {
      if (total <= MAX_TEXTURE_BYTES) return;
      if (owner === keep.data || owner === keep.marks) continue;
      this.gl.deleteTexture(entry.texture);
      this.textures.delete(owner);
      total -= entry.bytes;
    }
  }

  private emptyTexture(): WebGLTexture {
    const { gl } = this;
    if (!this.empty) {
      this.empty = this.newTexture();
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8UI, 1, 1, 0, gl.RED_INTEGER, gl.UNSIGNED_BYTE, new Uint8Array(1));
    }
    return this.empty;
  }

  private newTexture(): WebGLTexture {
    const { gl } = this;
    const texture = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0 + UNITS.length); // a unit that no sampler reads, to disturb no binding
    gl.bindTexture(gl.TEXTURE_2D, texture);
    for (const [name, value] of [
      [gl.TEXTURE_MIN_FILTER, gl.NEAREST],
      [gl.TEXTURE_MAG_FILTER, gl.NEAREST],
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
      [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    ] as const) gl.texParameteri(gl.TEXTURE_2D, name, value);
    return texture;
  }

  /** The graphics driver came back after it had lost everything: upload again when asked, and say so. */
  private startAnew(): void {
    this.programs.clear();
    this.textures.clear();
    this.tables = new WeakMap();
    this.using = this.empty = undefined;
    this.dispatchEvent(new Event("restored"));
  }
}

function variantFor(stored: Stored, facts: Facts, look: Readonly<Appearance>, toImage: Affine): Variant {
  const { data, colour, marks } = stored;
  const [across, down] = taps(toImage);
  const one = Math.abs(toImage.a - 1) < ROUGHLY && Math.abs(toImage.d - 1) < ROUGHLY && !toImage.b && !toImage.c;
  const { voi } = look;
  return {
    samples: colour ? "colour" : data instanceof Float32Array ? "float" : isSigned(data) ? "signed" : "unsigned",
    sampling: across > 1 || down > 1 ? "mean" : one && aligned(toImage.e) && aligned(toImage.f) ? "one" : "between",
    modality: facts.modality_lut && isTable(facts.modality_lut) ? "table" : "rescale",
    voi: !voi ? "none" : isTable(voi) ? "table" : voi.function,
    marks: marks !== undefined,
    sharpen: look.sharpen > 0,
  };
}

function aligned(offset: number): boolean {
  return Math.abs(offset - Math.round(offset)) < ROUGHLY;
}

/** How many image pixels a canvas pixel covers across and down. */
function taps({ a, b, c, d }: Affine): [number, number] {
  const count = (size: number): number => Math.min(MOST_TAPS, Math.max(1, Math.ceil(size - 0.01)));
  return [count(Math.hypot(a, b)), count(Math.hypot(c, d))];
}

/** The bits of signed numbers as unsigned ones, without a copy; the shader gives the sign back. */
function unsignedView(data: Int8Array<ArrayBuffer> | Int16Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  const kind = data instanceof Int8Array ? Uint8Array : Uint16Array;
  return new kind(data.buffer, data.byteOffset, data.length);
}

function isSigned(data: Samples): data is Int8Array<ArrayBuffer> | Int16Array<ArrayBuffer> {
  return data instanceof Int8Array || data instanceof Int16Array;
}
