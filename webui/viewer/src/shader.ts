/** Texels in a row of a lookup table's texture. */
export const TABLE_WIDTH = 2048;
/** Canvas pixels are the mean of at most this many image pixels across and down. */
export const MOST_TAPS = 8;

export const VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
  gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}`;

/**
 * What one program can do and nothing more: drivers without a graphics card run through every branch of a shader, so
 * that each choice that is known before is made before.
 */
export interface Variant {
  /** How the texture holds stored values: integers, RGBA of 8 bits, or floating point. */
  readonly samples: "unsigned" | "signed" | "colour" | "float";
  /** A canvas pixel is one image pixel, lies between four, or covers many. */
  readonly sampling: "one" | "between" | "mean";
  readonly modality: "rescale" | "table";
  readonly voi: "LINEAR" | "LINEAR_EXACT" | "SIGMOID" | "table" | "none";
  readonly marks: boolean;
  readonly sharpen: boolean;
}

/** `Value` is what a pixel has: one number, or three in colour. */
const STORED: Record<Variant["samples"], string> = {
  unsigned: `#define Value float
    uniform usampler2D stored;
    Value texel(ivec2 at) { return float(texelFetch(stored, at, 0).r); }`,
  signed: `#define Value float
    uniform usampler2D stored;
    uniform int signBit;
    Value texel(ivec2 at) {
      int bits = int(texelFetch(stored, at, 0).r);
      return float(bits >= signBit ? bits - 2 * signBit : bits);
    }`,
  float: `#define Value float
    uniform sampler2D stored;
    Value texel(ivec2 at) { return texelFetch(stored, at, 0).r; }`,
  colour: `#define Value vec3
    uniform usampler2D stored;
    Value texel(ivec2 at) { return vec3(texelFetch(stored, at, 0).rgb) / 255.0; }`,
};

// PS3.3 C.11.1. The mean of rescaled values is the rescaled mean; that of a table's values is not.
const MODALITY: Record<Variant["modality"], string> = {
  rescale: `uniform vec2 rescale;
    Value before(Value stored) { return stored; }
    Value after(Value mean) { return mean * rescale.x + rescale.y; }`,
  table: `uniform int modalityCount;
    uniform float modalityFirst;
    Value before(Value stored) { return Value(lookUp(modalityTable, int(stored - modalityFirst), modalityCount)); }
    Value after(Value mean) { return mean; }`,
};

// PS3.3 C.11.2
const VOI: Record<Variant["voi"], string> = {
  LINEAR: `float grey(float value) {
      return window.y <= 1.0 ? float(value > window.x - 0.5) : (value - (window.x - 0.5)) / (window.y - 1.0) + 0.5;
    }`,
  LINEAR_EXACT: "float grey(float value) { return (value - window.x) / window.y + 0.5; }",
  SIGMOID: "float grey(float value) { return 1.0 / (1.0 + exp(clamp(-4.0 * (value - window.x) / window.y, -80.0, 80.0))); }",
  table: `uniform int voiCount;
    uniform float voiFirst;
    float grey(float value) { return lookUp(voiTable, int(floor(value + 0.5) - voiFirst), voiCount); }`,
  none: "float grey(float value) { return value; }",
};

/** Adds the pixels under a canvas pixel up. */
const SAMPLING: Record<Variant["sampling"], string> = {
  one: "void gather(vec2 point) { add(ivec2(floor(point)), 1.0); }",
  between: `void gather(vec2 point) {
      vec2 base = floor(point - 0.5);
      vec2 part = point - 0.5 - base;
      ivec2 at = ivec2(base);
      add(at, (1.0 - part.x) * (1.0 - part.y));
      add(at + ivec2(1, 0), part.x * (1.0 - part.y));
      add(at + ivec2(0, 1), (1.0 - part.x) * part.y);
      add(at + ivec2(1, 1), part.x * part.y);
    }`,
  mean: `void gather(vec2 point) {
      for (int j = 0; j < taps.y; j++)
        for (int i = 0; i < taps.x; i++) add(ivec2(floor(tap(point, i, j))), 1.0);
    }`,
};

// Overlays are looked for in the whole canvas pixel, so that their thin lines stay whole when the picture is small.
const MARKED = `
  uint here = marksAt(point);
  if ((here & PADDING) != 0u) shown.rgb = vec3(0.0);
  if (showShutters && (here & SHUTTER) != 0u) shown.rgb = vec3(shutterGrey);
  uint within = 0u;
  for (int j = 0; j < taps.y; j++)
    for (int i = 0; i < taps.x; i++) within |= marksAt(tap(point, i, j));
  if (showOverlays && (within & OVERLAY) != 0u) shown.rgb = OVERLAY_COLOUR;`;

const SHARPENED = `
  vec2 across = toImage[0] * 1.5;
  vec2 down = toImage[1] * 1.5;
  Value around = sampled(point + across) + sampled(point - across) + sampled(point + down) + sampled(point - down);
  value += sharpen * (value - around / 4.0);`;

/**
 * The grayscale pipeline: stored value, modality LUT, VOI LUT, polarity (PS3.3 C.7.6.3.1.2), then shutters (C.7.6.11) and
 * overlays (C.9.2). A canvas pixel that covers several image pixels is the mean of their modality values.
 */
export function fragmentShader({ samples, sampling, modality, voi, marks, sharpen }: Variant): string {
  return `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp usampler2D;
uniform sampler2D modalityTable;
uniform sampler2D voiTable;
uniform usampler2D marks;
uniform bool showOverlays;
uniform bool showShutters;
uniform float shutterGrey;
uniform vec2 size;
uniform mat3x2 toImage;
uniform ivec2 taps;
uniform float canvasHeight;
uniform float sharpen;
uniform vec2 window;
uniform bool invert;
out vec4 shown;

const uint OVERLAY = 1u;
const uint SHUTTER = 2u;
const uint PADDING = 4u;
const vec3 OVERLAY_COLOUR = vec3(1.0, 0.8, 0.2);

float lookUp(sampler2D table, int index, int count) {
  int i = clamp(index, 0, count - 1);
  return texelFetch(table, ivec2(i % ${TABLE_WIDTH}, i / ${TABLE_WIDTH}), 0).r;
}
${STORED[samples]}
${MODALITY[modality]}
${VOI[voi]}
ivec2 inside(ivec2 at) { return clamp(at, ivec2(0), ivec2(ceil(size)) - 1); }
vec2 tap(vec2 point, int i, int j) {
  vec2 part = (vec2(i, j) + 0.5) / vec2(taps) - 0.5;
  return point + toImage[0] * part.x + toImage[1] * part.y;
}
uint marksAt(vec2 point) { return texelFetch(marks, inside(ivec2(floor(point))), 0).r; }
Value sum;
float weights;
void add(ivec2 at, float weight) {
  ${marks ? "if ((texelFetch(marks, inside(at), 0).r & PADDING) != 0u) return; // C.7.5.1.1.2: no value" : ""}
  sum += before(texel(inside(at))) * weight;
  weights += weight;
}
${SAMPLING[sampling]}
Value sampled(vec2 point) {
  sum = Value(0.0);
  weights = 0.0;
  gather(point);
  return weights > 0.0 ? after(sum / weights) : Value(0.0);
}

void main() {
  vec2 point = toImage * vec3(gl_FragCoord.x, canvasHeight - gl_FragCoord.y, 1.0);
  shown = vec4(0.0, 0.0, 0.0, 1.0);
  if (any(lessThan(point, vec2(0.0))) || any(greaterThanEqual(point, size))) return;
  Value value = sampled(point);
  ${sharpen ? SHARPENED : ""}
  vec3 bright = clamp(${samples === "colour" ? "value" : "vec3(grey(value))"}, 0.0, 1.0);
  shown.rgb = invert ? 1.0 - bright : bright;
  ${marks ? MARKED : ""}
}`;
}
