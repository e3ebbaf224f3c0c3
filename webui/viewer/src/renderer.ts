import { isTable, type Facts, type Pixels, type Voi } from "./facts";

/** Where the image lies in the drawing: pixels of the canvas per image column, and the canvas point of its corner. */
export interface View {
  scale: number;
  x: number;
  y: number;
}

const TABLE_WIDTH = 2048;
const MAX_TEXTURE_BYTES = 256 * 2 ** 20;

const VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
  gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}`;

// The grayscale pipeline of PS3.3 C.11: stored value, modality LUT, VOI LUT, polarity.
const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;
uniform usampler2D stored;
uniform sampler2D modalityTable;
uniform sampler2D voiTable;
uniform vec2 size;
uniform vec2 scale;
uniform vec2 corner;
uniform float canvasHeight;
uniform float offset;
uniform bool colour;
uniform int modalityCount;
uniform float modalityFirst;
uniform vec2 rescale;
uniform int voiKind;
uniform int voiCount;
uniform float voiFirst;
uniform vec2 window;
uniform bool invert;
out vec4 shown;

float lookUp(sampler2D table, int index, int count) {
  int i = clamp(index, 0, count - 1);
  return texelFetch(table, ivec2(i % ${TABLE_WIDTH}, i / ${TABLE_WIDTH}), 0).r;
}

float modality(ivec2 at) {
  float value = float(texelFetch(stored, at, 0).r) + offset;
  if (modalityCount > 0) return lookUp(modalityTable, int(value - modalityFirst), modalityCount);
  return value * rescale.x + rescale.y;
}

float grey(float value) {
  float y;
  if (voiKind == 0) {
    y = window.y <= 1.0 ? step(window.x - 0.5, value) * float(value != window.x - 0.5)
                        : (value - (window.x - 0.5)) / (window.y - 1.0) + 0.5;
  } else if (voiKind == 1) {
    y = (value - window.x) / window.y + 0.5;
  } else if (voiKind == 2) {
    y = 1.0 / (1.0 + exp(clamp(-4.0 * (value - window.x) / window.y, -80.0, 80.0)));
  } else {
    y = lookUp(voiTable, int(floor(value + 0.5) - voiFirst), voiCount);
  }
  y = clamp(y, 0.0, 1.0);
  return invert ? 1.0 - y : y;
}

vec3 texel(ivec2 at) {
  ivec2 inside = clamp(at, ivec2(0), ivec2(size) - 1);
  if (colour) return vec3(texelFetch(stored, inside, 0).rgb) / 255.0;
  return vec3(modality(inside));
}

vec3 sampled(vec2 point) {
  vec2 step = 1.0 / scale;
  ivec2 taps = clamp(ivec2(ceil(step)), ivec2(1), ivec2(8));
  if (taps.x > 1 || taps.y > 1) {
    vec3 sum = vec3(0.0);
    for (int j = 0; j < taps.y; j++)
      for (int i = 0; i < taps.x; i++)
        sum += texel(ivec2(floor(point + step * ((vec2(i, j) + 0.5) / vec2(taps) - 0.5))));
    return sum / float(taps.x * taps.y);
  }
  vec2 base = floor(point - 0.5);
  vec2 part = point - 0.5 - base;
  ivec2 at = ivec2(base);
  vec3 top = mix(texel(at), texel(at + ivec2(1, 0)), part.x);
  vec3 bottom = mix(texel(at + ivec2(0, 1)), texel(at + ivec2(1, 1)), part.x);
  return mix(top, bottom, part.y);
}

void main() {
  vec2 point = (vec2(gl_FragCoord.x, canvasHeight - gl_FragCoord.y) - corner) / scale;
  if (any(lessThan(point, vec2(0.0))) || any(greaterThanEqual(point, size))) { shown = vec4(0.0, 0.0, 0.0, 1.0); return; }
  vec3 value = sampled(point);
  shown = vec4(colour ? value : vec3(grey(value.r)), 1.0);
}`;

/** One WebGL2 context for the page; it draws every picture in turn, because browsers allow only a few contexts. */
export class Renderer {
  readonly canvas = document.createElement("canvas");
  private readonly gl: WebGL2RenderingContext;
  private readonly program: WebGLProgram;
  private readonly textures = new Map<object, { texture: WebGLTexture; bytes: number }>();
  private readonly tables = new WeakMap<number[], WebGLTexture>();

  constructor() {
    const gl = this.canvas.getContext("webgl2", { antialias: false, alpha: false, preserveDrawingBuffer: true });
    if (!gl) throw new Error("This browser cannot show full pictures (WebGL 2 is missing). Use a current browser.");
    this.gl = gl;
    this.program = this.link();
  }

  private link(): WebGLProgram {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
      const shader = gl.createShader(kind) as WebGLShader;
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
      throw new Error(`The graphics driver refused: ${gl.getProgramInfoLog(program)}`);
    }
    gl.useProgram(program);
    for (const [unit, name] of ["stored", "modalityTable", "voiTable"].entries()) gl.uniform1i(this.at(name), unit);
    return program;
  }

  private at(name: string): WebGLUniformLocation | null {
    return this.gl.getUniformLocation(this.program ?? this.gl.getParameter(this.gl.CURRENT_PROGRAM), name);
  }

  /** Draw a picture at `width` x `height` canvas pixels; the result is in `canvas`. */
  draw(pixels: Pixels, facts: Facts, voi: Voi | undefined, invert: boolean, view: View, width: number, height: number): void {
    const { gl } = this;
    if (this.canvas.width !== width || this.canvas.height !== height) [this.canvas.width, this.canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.texture(pixels, facts));
    gl.uniform2f(this.at("size"), facts.columns, facts.rows);
    gl.uniform2f(this.at("scale"), view.scale, view.scale * facts.pixel_aspect);
    gl.uniform2f(this.at("corner"), view.x, view.y);
    gl.uniform1f(this.at("canvasHeight"), height);
    gl.uniform1f(this.at("offset"), pixels.offset);
    gl.uniform1i(this.at("colour"), Number(pixels.colour));
    gl.uniform1i(this.at("invert"), Number(invert));
    this.useModality(facts);
    this.useVoi(voi);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  private useModality(facts: Facts): void {
    const { gl } = this;
    const lut = facts.modality_lut ?? { slope: 1, intercept: 0 };
    gl.uniform1i(this.at("modalityCount"), isTable(lut) ? lut.values.length : 0);
    if (isTable(lut)) {
      gl.uniform1f(this.at("modalityFirst"), lut.first);
      this.bindTable(1, lut.values);
    } else {
      gl.uniform2f(this.at("rescale"), lut.slope, lut.intercept);
    }
  }

  private useVoi(voi: Voi | undefined): void {
    const { gl } = this;
    if (!voi) return;
    if (isTable(voi)) {
      gl.uniform1i(this.at("voiKind"), 3);
      gl.uniform1i(this.at("voiCount"), voi.values.length);
      gl.uniform1f(this.at("voiFirst"), voi.first);
      this.bindTable(2, voi.values);
    } else {
      gl.uniform1i(this.at("voiKind"), ["LINEAR", "LINEAR_EXACT", "SIGMOID"].indexOf(voi.function));
      gl.uniform2f(this.at("window"), voi.center, voi.width);
    }
  }

  private bindTable(unit: number, values: number[]): void {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0 + unit);
    let texture = this.tables.get(values);
    if (!texture) {
      texture = this.newTexture();
      const rows = Math.ceil(values.length / TABLE_WIDTH);
      const padded = new Float32Array(rows * TABLE_WIDTH);
      padded.set(values);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.R32F, TABLE_WIDTH, rows, 0, gl.RED, gl.FLOAT, padded);
      this.tables.set(values, texture);
    }
    gl.bindTexture(gl.TEXTURE_2D, texture);
  }

  private texture(pixels: Pixels, facts: Facts): WebGLTexture {
    const known = this.textures.get(pixels);
    this.textures.delete(pixels);
    const entry = known ?? { texture: this.upload(pixels, facts), bytes: pixels.data.byteLength };
    this.textures.set(pixels, entry); // the last used stands last
    this.makeRoom(pixels);
    return entry.texture;
  }

  private upload(pixels: Pixels, facts: Facts): WebGLTexture {
    const { gl } = this;
    const limit = gl.getParameter(gl.MAX_TEXTURE_SIZE) as number;
    if (facts.columns > limit || facts.rows > limit) {
      throw new Error(`This browser shows at most ${limit} x ${limit} pixels. Open the picture on another computer.`);
    }
    const texture = this.newTexture();
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    if (pixels.colour) {
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8UI, facts.columns, facts.rows, 0, gl.RGBA_INTEGER, gl.UNSIGNED_BYTE, pixels.data);
    } else {
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.R16UI, facts.columns, facts.rows, 0, gl.RED_INTEGER, gl.UNSIGNED_SHORT, pixels.data);
    }
    return texture;
  }

  private makeRoom(keep: object): void {
    let total = [...this.textures.values()].reduce((sum, entry) => sum + entry.bytes, 0);
    for (const [owner, entry] of this.textures) {
      if (total <= MAX_TEXTURE_BYTES || owner === keep) return;
      this.gl.deleteTexture(entry.texture);
      this.textures.delete(owner);
      total -= entry.bytes;
    }
  }

  private newTexture(): WebGLTexture {
    const { gl } = this;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    for (const [name, value] of [
      [gl.TEXTURE_MIN_FILTER, gl.NEAREST],
      [gl.TEXTURE_MAG_FILTER, gl.NEAREST],
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
      [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    ] as const) gl.texParameteri(gl.TEXTURE_2D, name, value);
    return texture;
  }

  /** The 8-bit grey or RGB value drawn for one image pixel, through the same shader. */
  valueAt(pixels: Pixels, facts: Facts, voi: Voi | undefined, invert: boolean, column: number, row: number): number[] {
    this.draw(pixels, facts, voi, invert, { scale: 1, x: -column, y: -row * facts.pixel_aspect }, 1, 1);
    const rgba = new Uint8Array(4);
    this.gl.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, rgba);
    return [...rgba.slice(0, 3)];
  }
}
