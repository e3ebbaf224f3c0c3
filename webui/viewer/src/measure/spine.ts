// Measurements of the human spine and pelvis, upright views.
import { _ } from "../../../static/js/words.js";
import type { Point } from "../geometry";
import { twoLines } from "./basic";
import { at, lengthValue, type Definition, type Line, type Step, type Value } from "./definition";
import type { Plane } from "./plane";
import { cross, degrees, distance, dot, middle, minus, offset, plus, times } from "./vector";

const step = (hint: string, x: number, y: number): Step => ({ hint, at: [x, y] });
const SPINE = "M80 8H115V25H80ZM74 32H109V50H74ZM71 57H106V75H71ZM74 82H109V100H74ZM82 105H116V119H82Z";
const PELVIS = "M100 15V45M60 45C30 35 25 60 45 85M140 45C170 35 175 60 155 85M62 80a14 14 0 1 0 .1 0M138 80a14 14 0 1 0 .1 0M45 108 40 119M155 108 160 119";

/**
 * Signed angle of a curve between two lines along or across the spine: positive where it opens to the back.
 *
 * `u` and `v` point from front to back at the upper and the lower line, `down` from the upper to the lower.
 */
function lordosis(u: Point, v: Point, down: Point): number {
  const angle = degrees(Math.atan2(cross(v, u), dot(u, v)));
  return cross(u, down) < 0 ? -angle : angle;
}

function acrossEndPlates(points: readonly Point[], plane: Plane): number {
  const [a, b, c, d] = four(points, plane);
  return lordosis(minus(b, a), minus(d, c), minus(middle(c, d), middle(a, b)));
}

/** From the back walls: their tangents turned a quarter to the side away from `front`. */
function alongBackWalls(points: readonly Point[], plane: Plane): number {
  const front = plane.of(at(points, 0));
  const [a, b, c, d] = four(points.slice(1), plane);
  const down = minus(middle(c, d), middle(a, b));
  const back = (line: Point): Point => {
    const along = times(line, dot(line, down) < 0 ? -1 : 1);
    const aside = { x: -along.y, y: along.x };
    return times(aside, dot(aside, minus(front, middle(a, c))) > 0 ? -1 : 1);
  };
  return lordosis(back(minus(b, a)), back(minus(d, c)), down);
}

function cobbLordosis(id: string, label: string, upper: string, lower: string, normal: string, source: string): Definition {
  return {
    id,
    label,
    hint: _("Lateral view: {upper} and {lower}, each from front to back. Negative is kyphosis.", { upper: _(upper), lower: _(lower) }),
    picture: SPINE,
    steps: [step(_("{plate}, front corner", { plate: _(upper) }), 80, 25), step(_("{plate}, back corner", { plate: _(upper) }), 115, 25), step(_("{plate}, front corner", { plate: _(lower) }), 82, 110), step(_("{plate}, back corner", { plate: _(lower) }), 116, 110)],
    normal,
    source,
    lines: twoLines,
    values: (points, plane) => [{ key: id, name: label, value: acrossEndPlates(points, plane), unit: "°" }],
  };
}

function tangentLordosis(id: string, label: string, upper: string, lower: string, normal: string, source: string): Definition {
  return {
    id,
    label,
    hint: _("Lateral view: the back walls of {upper} and {lower}, from above down. Negative is kyphosis.", { upper, lower }),
    picture: SPINE,
    steps: [
      step("Anywhere in front of the spine", 40, 60),
      step(_("Back wall of {vertebra}, upper corner", { vertebra: upper }), 115, 8),
      step(_("Back wall of {vertebra}, lower corner", { vertebra: upper }), 115, 25),
      step(_("Back wall of {vertebra}, upper corner", { vertebra: lower }), 109, 82),
      step(_("Back wall of {vertebra}, lower corner", { vertebra: lower }), 109, 100),
    ],
    normal,
    source,
    lines: (points) => twoLines(points.slice(1)),
    values: (points, plane) => [{ key: id, name: label, value: alongBackWalls(points, plane), unit: "°" }],
  };
}

/**
 * Between the lower end plates of C2 and C7. Harrison DE et al. Spine 2000;25:2072-2078 compares both ways.
 *
 * Guo GM et al. J Orthop Surg Res 2018;13:147: mean 12.7 degrees in people without complaints (of the mean, 95 %: 6.6 to
 * 18.8), more in men than in women.
 */
export const CERVICAL_COBB = cobbLordosis("cervical-cobb", "Cervical lordosis, Cobb C2–C7", "Lower end plate of C2", _("Lower end plate of C7"), _("mean 13°, more in men"), "Harrison, Spine 2000; Guo, J Orthop Surg Res 2018");

/**
 * Absolute rotation angle between the back walls of C2 and C7.
 *
 * Harrison DD et al. Spine 1996;21:667-675: mean 34 degrees, 16.5 to 66. McAviney J et al. J Manipulative Physiol Ther
 * 2005;28:187-193: 31 to 40 is a goal. Guo GM et al. J Orthop Surg Res 2018;13:147: mean 18.6 without complaints.
 */
export const CERVICAL_TANGENT = tangentLordosis("cervical-tangent", "Cervical lordosis, posterior tangents C2–C7", "C2", "C7", _("31° to 40° as a goal, mean 19°"), "Harrison, Spine 1996; McAviney, J Manipulative Physiol Ther 2005; Guo, J Orthop Surg Res 2018");

/**
 * Between the upper end plates of L1 and S1. Harrison DE et al. Spine 2001;26:E235-E242 compares the methods.
 *
 * Vialle R et al. J Bone Joint Surg Am 2005;87:260-267: 60 +- 10 degrees in 300 volunteers standing, from S1 up to the
 * vertebra that leans back most, wherever the curve ends. With age, sex and pelvis it differs: Been E, Kalichman L. Spine
 * J 2014;14:87-97.
 */
export const LUMBAR_COBB = cobbLordosis("lumbar-cobb", "Lumbar lordosis, Cobb L1–S1", "Upper end plate of L1", _("Upper end plate of S1"), _("adult 60° ± 10° (standing, whole curve)"), "Harrison, Spine 2001; Vialle, J Bone Joint Surg Am 2005");

/** Between the back walls of L1 and L5. Troyanovich SJ et al. J Spinal Disord 1997;10:380-386: mean 39.7 degrees. */
export const LUMBAR_TANGENT = tangentLordosis("lumbar-tangent", "Lumbar lordosis, posterior tangents L1–L5", "L1", "L5", _("mean 40° (standing)"), "Troyanovich, J Spinal Disord 1997");

/**
 * George's line: the step of each vertebra's lower back corner from the back wall of the one below.
 *
 * George AW. Boston Med Surg J 1919;181:395-398: the line. Above 3.5 mm in the neck it speaks of instability: White AA et
 * al. Clin Orthop Relat Res 1975;109:85-96.
 */
export const GEORGE: Definition = {
  id: "george",
  label: "George’s line",
  hint: "Lateral view: the back wall of each vertebra from above down; two or more. Enter ends it.",
  picture: SPINE,
  steps: [step("Anywhere in front of the spine", 40, 60)],
  repeat: { steps: [step("Next vertebra: upper back corner", 109, 32), step("The same vertebra: lower back corner", 109, 50)], least: 2 },
  normal: "step below 3.5 mm (neck)",
  source: "George, Boston Med Surg J 1919; White, Clin Orthop Relat Res 1975",
  lines: (points) => [{ points: points.slice(1), dashed: true }, ...backWalls(points).map((wall) => ({ points: wall }))],
  values: (points, plane) => {
    const steps = georgeSteps(points, plane);
    const largest = steps.reduce((most, one) => (Math.abs(one.step) > Math.abs(most.step) ? one : most));
    const note = `${largest.step >= 0 ? "forward" : "backward"}, vertebra ${largest.number} on ${largest.number + 1}`;
    return [
      lengthValue("george-step", "Largest step", largest.step, plane, note),
      { key: "george-share", name: "In heights of the back wall", value: (100 * largest.step) / largest.height, unit: "%" },
    ];
  },
};

function backWalls(points: readonly Point[]): [Point, Point][] {
  const walls: [Point, Point][] = [];
  for (let number = 1; number + 1 < points.length; number += 2) walls.push([at(points, number), at(points, number + 1)]);
  return walls;
}

function georgeSteps(points: readonly Point[], plane: Plane): { step: number; height: number; number: number }[] {
  const front = plane.of(at(points, 0));
  const walls = backWalls(points).map(([a, b]) => [plane.of(a), plane.of(b)] as const);
  return walls.slice(1).map(([upper, lower], index) => {
    const above = (walls[index] as readonly [Point, Point])[1];
    return { step: offset(above, upper, minus(lower, upper), front), height: distance(upper, lower), number: index + 1 };
  });
}

/** The picture's own vertical or horizontal, whichever is nearer; upwards or to the right as `above` says. */
function vertical(from: Point, above: Point): Point {
  const up = minus(above, from);
  return Math.abs(up.y) >= Math.abs(up.x) ? { x: 0, y: Math.sign(up.y) || -1 } : { x: Math.sign(up.x), y: 0 };
}

/** Height of `a` over `b`, and the tilt of the line between them, positive where `a` is higher. */
function level(a: Point, b: Point, above: Point): { height: number; tilt: number } {
  const up = vertical(middle(a, b), above);
  const height = dot(minus(a, b), up);
  const across = Math.abs(cross(minus(a, b), up));
  return { height, tilt: degrees(Math.atan2(height, across)) };
}

/**
 * Atlas plane line: through the middle of the anterior and posterior arch of C1, against the picture's horizontal.
 *
 * Eriksen K. Upper Cervical Subluxation Complex. Lippincott Williams & Wilkins 2004. No study of healthy people was found
 * that gives a normal value; the line turns with the head.
 */
export const ATLAS_PLANE: Definition = {
  id: "atlas-plane",
  label: "Atlas plane line",
  hint: "Lateral view, not tilted: the arches of C1 against the horizontal. Positive where the front is higher.",
  picture: "M40 20C70 5 130 5 160 20M50 65H75V80H50ZM125 62H160V78H125ZM80 90H125V118H80Z",
  steps: [step("Anywhere above, on the skull", 100, 15), step("Middle of the anterior arch of C1", 62, 72), step("Middle of the posterior arch of C1", 143, 70)],
  noNormal: "no study of healthy people gives them, and the line turns with the head",
  source: "Eriksen, Lippincott Williams & Wilkins 2004",
  lines: (points) => [{ points: points.slice(1) }],
  values: (points, plane) => {
    const [above, front, back] = [0, 1, 2].map((number) => plane.of(at(points, number))) as [Point, Point, Point];
    return [{ key: "atlas-plane", name: "Atlas plane", value: level(front, back, above).tilt, unit: "°" }];
  },
};

function pairLevel(id: string, label: string, hint: string, what: string, y: number, name: string, normal: string, source: string): Definition {
  return {
    id,
    label,
    hint,
    picture: PELVIS,
    steps: [step("Anywhere above, on the spine", 100, 15), step(_("{what}, patient’s right", { what: _(what) }), 55, y), step(_("{what}, patient’s left", { what: _(what) }), 145, y)],
    normal,
    source,
    lines: (points) => [{ points: points.slice(1) }, ...plumb(points)],
    values: (points, plane) => {
      const [above, right, left] = [0, 1, 2].map((number) => plane.of(at(points, number))) as [Point, Point, Point];
      const { height, tilt } = level(left, right, above);
      const note = Math.abs(tilt) < 0.05 ? "level" : `${height > 0 ? "right" : "left"} lower`;
      const angle: Value = { key: "tilt", name: "Tilt", value: tilt, unit: "°", note };
      return [lengthValue(id, name, height, plane, note), angle];
    },
  };
}

/** From the lower point to the height of the higher one. */
function plumb(points: readonly Point[]): Line[] {
  const [above, a, b] = [at(points, 0), at(points, 1), at(points, 2)];
  const up = vertical(middle(a, b), above);
  return [{ points: [a, plus(a, times(up, dot(minus(b, a), up)))], dashed: true }];
}

/** Tops of the iliac crests on an upright frontal view. Ploumis A et al. Scoliosis Spinal Disord 2018;13: above 1 cm oblique. */
export const PELVIC_LEVEL = pairLevel("pelvic-level", "Pelvic level", "Upright frontal pelvis: the tops of both iliac crests against the horizontal.", _("Top of the iliac crest"), 44, "Height difference", _("difference up to 10 mm"), "Ploumis, Scoliosis Spinal Disord 2018");

/**
 * Heights of the femoral heads on an upright frontal view. Friberg O. Spine 1983;8:643-651: complaints with 5 to 25 mm.
 *
 * Knutson GA. Chiropr Osteopat 2005;13:11: 5.2 +- 4.1 mm in everybody, seldom of weight below 20 mm.
 */
export const LEG_LENGTH = pairLevel("leg-length", "Leg length difference", "Upright frontal pelvis: the tops of both femoral heads against the horizontal.", _("Top of the femoral head"), 80, "Leg length difference", _("5.2 ± 4.1 mm; seldom of weight below 20 mm"), "Friberg, Spine 1983; Knutson, Chiropr Osteopat 2005");

function four(points: readonly Point[], plane: Plane): [Point, Point, Point, Point] {
  return [0, 1, 2, 3].map((number) => plane.of(at(points, number))) as [Point, Point, Point, Point];
}

export const SPINAL = [CERVICAL_COBB, CERVICAL_TANGENT, LUMBAR_COBB, LUMBAR_TANGENT, GEORGE, ATLAS_PLANE, PELVIC_LEVEL, LEG_LENGTH];
