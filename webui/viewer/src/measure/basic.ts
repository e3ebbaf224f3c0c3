// What every workstation has: length, angles, regions, probe, arrow, text, and the scale from a marker.
import type { Point } from "../geometry";
import { at, lengthValue, type Definition, type Line, type Step } from "./definition";
import type { Plane } from "./plane";
import { ellipseFrame, ellipseFromBox, ellipseLine, moveEllipse, moveRectangle, rectangleFrame, rectangleFromBox, regionValues } from "./region";
import { angleBetween, cross, distance, middle, minus, times } from "./vector";

const step = (hint: string, x: number, y: number): Step => ({ hint, at: [x, y] });
const BOX = "M40 30H160V90H40Z";

/** Distance, in millimetres where the picture says how large its pixels are (DICOM PS3.3 10.7), else in pixels. */
export const LENGTH: Definition = {
  id: "length",
  label: "Length",
  hint: "The distance between two points.",
  key: "l",
  icon: "M4 20 20 4M4 15v5h5M15 4h5v5",
  picture: "M30 60H170",
  steps: [step("One end", 30, 60), step("The other end", 170, 60)],
  noNormal: "they are those of what is measured",
  source: "DICOM PS3.3 10.7",
  lines: (points) => [{ points }],
  values: (points, plane) => [lengthValue("length", "Length", distance(plane.of(at(points, 0)), plane.of(at(points, 1))), plane)],
};

/** Angle at a corner, up to 180 degrees, as DICOM PS3.16 TID 300 keeps it; pixels that are not square are respected (PS3.3 10.7). */
export const ANGLE: Definition = {
  id: "angle",
  label: "Angle",
  hint: "The angle at a corner between two sides.",
  key: "a",
  icon: "M20 20H4L18 5M11 20a8 8 0 0 0-2-5.5",
  picture: "M170 100H30L140 20",
  steps: [step("End of one side", 170, 100), step("The corner", 30, 100), step("End of the other side", 140, 20)],
  noNormal: "they are those of what is measured",
  source: "DICOM PS3.16 TID 300",
  lines: (points) => [{ points }],
  values: (points, plane) => {
    const [a, corner, b] = [plane.of(at(points, 0)), plane.of(at(points, 1)), plane.of(at(points, 2))];
    return [{ key: "angle", name: "Angle", value: angleBetween(minus(a, corner), minus(b, corner)), unit: "°" }];
  },
};

/**
 * Cobb angle: between two end plates, up to 180 degrees whatever way the lines were drawn.
 *
 * Cobb JR. Outline for the study of scoliosis. Instr Course Lect 1948;5:261-275. Reliability of the method on lateral
 * views: Harrison DE et al. Spine 2000;25:2072-2078. Scoliosis begins at 10 degrees on an upright frontal view: Negrini S
 * et al. Scoliosis Spinal Disord 2018;13:3.
 */
export const COBB: Definition = {
  id: "cobb",
  label: "Cobb angle",
  hint: "The angle between two end plates: two points on each.",
  key: "j",
  icon: "M4 8 20 4M4 16l16 4M8 7v10",
  picture: "M50 25 150 10M50 95 150 115M60 24C40 50 40 70 60 97",
  steps: [step("Upper end plate, one end", 50, 25), step("Upper end plate, other end", 150, 10), step("Lower end plate, one end", 50, 95), step("Lower end plate, other end", 150, 115)],
  normal: "below 10° (upright frontal spine)",
  source: "Cobb, Instr Course Lect 1948; Negrini, Scoliosis Spinal Disord 2018",
  lines: (points) => twoLines(points),
  values: (points, plane) => [{ key: "cobb", name: "Cobb angle", value: cobbAngle(points, plane), unit: "°" }],
};

/** Area, and mean and deviation of the population of values after the modality LUT, as DICOM PS3.16 TID 1410 keeps them. */
export const ELLIPSE: Definition = {
  id: "ellipse",
  label: "Ellipse",
  hint: "Area, mean and deviation inside an ellipse; drag the box around it.",
  key: "e",
  icon: "M12 6c5 0 9 2.7 9 6s-4 6-9 6-9-2.7-9-6 4-6 9-6z",
  picture: "M100 30c40 0 60 14 60 30s-20 30-60 30-60-14-60-30 20-30 60-30z",
  steps: [step("One corner of its box", 40, 30), step("The opposite corner", 160, 90)],
  noNormal: "greys depend on the exposure and on what the unit makes of it",
  source: "DICOM PS3.16 TID 1410",
  spread: ellipseFromBox,
  move: moveEllipse,
  lines: (points) => [{ points: ellipseLine(ellipseFrame(points)) }],
  values: (points, plane, sample) => regionValues(ellipseFrame(points), true, plane, sample),
};

/** The same as of an ellipse (DICOM PS3.16 TID 1410). */
export const RECTANGLE: Definition = {
  id: "rectangle",
  label: "Rectangle",
  hint: "Area, mean and deviation inside a rectangle.",
  key: "q",
  icon: "M4 6h16v12H4z",
  picture: BOX,
  steps: [step("One corner", 40, 30), step("The opposite corner", 160, 90)],
  noNormal: "greys depend on the exposure and on what the unit makes of it",
  source: "DICOM PS3.16 TID 1410",
  spread: rectangleFromBox,
  move: moveRectangle,
  lines: (points) => [{ points: [...points, at(points, 0)] }],
  values: (points, plane, sample) => regionValues(rectangleFrame(points), false, plane, sample),
};

/** One pixel's value after the modality LUT (DICOM PS3.3 C.11.1). */
export const PROBE: Definition = {
  id: "probe",
  label: "Probe",
  hint: "The value of one pixel, and where it lies.",
  key: "p",
  icon: "M12 3v7M12 14v7M3 12h7M14 12h7",
  picture: "M100 30V90M70 60H130",
  steps: [step("The pixel", 100, 60)],
  noNormal: "greys depend on the exposure and on what the unit makes of it",
  source: "DICOM PS3.3 C.11.1",
  lines: () => [],
  values: (points, _, sample) => {
    const { x, y } = at(points, 0);
    const value = sample(Math.floor(x), Math.floor(y));
    return value === undefined ? [] : [{ key: "pixel", name: "Value", value, unit: "", note: `column ${Math.floor(x) + 1}, row ${Math.floor(y) + 1}` }];
  },
};

/** A graphic annotation of an arrow and words (DICOM PS3.3 C.10.5). */
export const ARROW: Definition = {
  id: "arrow",
  label: "Arrow",
  hint: "Points at something; words may stand at its end.",
  icon: "M20 4 5 19M5 11v8h8",
  picture: "M160 25 50 90M50 70V90H75",
  steps: [step("What it points at", 50, 90), step("Its end, where the words stand", 160, 25)],
  noNormal: "a note measures nothing",
  source: "DICOM PS3.3 C.10.5",
  asks: "text",
  lines: (points) => [{ points, arrow: true }],
  values: () => [],
};

/** A graphic annotation of words alone (DICOM PS3.3 C.10.5). */
export const TEXT: Definition = {
  id: "text",
  label: "Text",
  hint: "Words on the picture.",
  icon: "M5 6V4h14v2M12 4v16M9 20h6",
  picture: "M70 40V30H130V40M100 30V90M85 90H115",
  steps: [step("Where the words stand", 100, 60)],
  noNormal: "a note measures nothing",
  source: "DICOM PS3.3 C.10.5",
  asks: "text",
  lines: () => [],
  values: () => [],
};

/**
 * The scale of this picture by something of known size in the plane of interest, such as a calibration ball.
 *
 * Conn KS, Clarke MT, Hallett JP. J Bone Joint Surg Br 2002;84:269-272: a coin at the bone's depth, for templates.
 */
export const CALIBRATION: Definition = {
  id: "calibration",
  label: "Scale from a marker",
  hint: "Draw across a marker of known size (a ball, a ruler), then say how long that is. Lengths on this picture then count at the marker's depth.",
  icon: "M3 8h18v8H3zM7 8v4M11 8v5M15 8v4M19 8v5",
  picture: "M100 25a35 35 0 1 0 .1 0M30 60H170",
  steps: [step("One edge of the marker", 65, 60), step("The opposite edge", 135, 60)],
  noNormal: "it is the scale that lengths are measured by",
  source: "Conn, J Bone Joint Surg Br 2002",
  asks: "millimetres",
  lines: (points) => [{ points }],
  values: () => [],
};

/** Two lines and the dashes between their middles. */
export function twoLines(points: readonly Point[]): Line[] {
  const [a, b, c, d] = [at(points, 0), at(points, 1), at(points, 2), at(points, 3)];
  return [{ points: [a, b] }, { points: [c, d] }, { points: [middle(a, b), middle(c, d)], dashed: true }];
}

/** Between two end plates that both cross the line joining their middles, each turned to the same side of it. */
export function cobbAngle(points: readonly Point[], plane: Plane): number {
  const [a, b, c, d] = [0, 1, 2, 3].map((number) => plane.of(at(points, number))) as [Point, Point, Point, Point];
  const down = minus(middle(c, d), middle(a, b));
  const aside = (line: Point): Point => times(line, cross(down, line) < 0 ? -1 : 1);
  return angleBetween(aside(minus(b, a)), aside(minus(d, c)));
}

export const BASIC = [LENGTH, ANGLE, COBB, ELLIPSE, RECTANGLE, PROBE, ARROW, TEXT, CALIBRATION];
