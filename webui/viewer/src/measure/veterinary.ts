// Measurements of dogs and cats.
import type { Point } from "../geometry";
import { at, type Definition, type Line, type Repeat, type Step } from "./definition";
import type { Plane } from "./plane";
import { angleBetween, circleThrough, degrees, distance, dot, minus, plus, size } from "./vector";

const step = (hint: string, x: number, y: number): Step => ({ hint, at: [x, y] });
const THORAX = "M15 25H45V40H15ZM50 25H80V40H50ZM85 25H115V40H85ZM120 25H150V40H120ZM155 25H185V40H155ZM80 60C60 75 55 100 75 112S125 105 128 85 100 52 80 60Z";

/** Vertebrae as a scale: their cranial ends from T4 on, in image points. */
class Vertebrae {
  private readonly ends: Point[];

  constructor(points: readonly Point[], plane: Plane) {
    this.ends = points.map((point) => plane.of(point));
  }

  /** How many vertebrae a length covers, from the cranial edge of T4; undefined where too few are marked. */
  count(length: number): number | undefined {
    let rest = length;
    for (let number = 0; number + 1 < this.ends.length; number++) {
      const one = distance(at(this.ends, number), at(this.ends, number + 1));
      if (rest <= one) return number + rest / one;
      rest -= one;
    }
    return undefined;
  }
}

const spineFrom = (axes: (points: readonly Point[]) => readonly (readonly [Point, Point])[], first: number): Repeat => ({
  steps: [step("Caudal edge of the next vertebral body, T4 first, one after the other", 45, 40)],
  least: 1,
  done: (points, plane) => {
    const scale = new Vertebrae(points.slice(first), plane);
    return axes(points).every(([a, b]) => scale.count(distance(plane.of(a), plane.of(b))) !== undefined);
  },
});

const heartAxes = (points: readonly Point[]): [Point, Point][] => [
  [at(points, 0), at(points, 1)],
  [at(points, 2), at(points, 3)],
];

/**
 * Vertebral heart score: long and short axis of the heart in lateral view, in vertebrae from the cranial edge of T4.
 *
 * Buchanan JW, Bücheler J. J Am Vet Med Assoc 1995;206:194-199: 9.7 +- 0.5 in 100 dogs; breeds differ, beagles 10.3
 * (Kraetschmer S et al. J Small Anim Pract 2008), whippets 11.
 * Litster AL, Buchanan JW. J Am Vet Med Assoc 2000;216:210-214: 7.5 +- 0.3, range 6.7 to 8.1 in 100 cats.
 */
export const VERTEBRAL_HEART_SCORE: Definition = {
  id: "vhs",
  label: "Vertebral heart score",
  hint: "Lateral view: both axes of the heart, counted in vertebrae from T4 on. It ends by itself when enough vertebrae are marked.",
  picture: THORAX,
  steps: [
    step("Long axis: lower edge of the carina", 84, 60),
    step("Long axis: apex of the heart", 84, 114),
    step("Short axis: cranial border at the widest place", 60, 88),
    step("Short axis: caudal border, at a right angle", 127, 84),
    step("Cranial edge of T4", 15, 40),
  ],
  repeat: spineFrom(heartAxes, 4),
  normal: "dog 9.7 ± 0.5 v by breed, cat 7.5 ± 0.3 v",
  source: "Buchanan and Bücheler, J Am Vet Med Assoc 1995; Litster and Buchanan, J Am Vet Med Assoc 2000",
  lines: (points) => [...heartAxes(points).map((pair) => ({ points: pair })), spineLine(points.slice(4))],
  values: (points, plane) => {
    const scale = new Vertebrae(points.slice(4), plane);
    const [long, short] = heartAxes(points).map(([a, b]) => scale.count(distance(plane.of(a), plane.of(b))));
    if (long === undefined || short === undefined) return [];
    return [
      { key: "vhs", name: "VHS", value: long + short, unit: "v" },
      { key: "vhs-long", name: "Long axis", value: long, unit: "v" },
      { key: "vhs-short", name: "Short axis", value: short, unit: "v" },
    ];
  },
};

/**
 * Vertebral left atrial size: from the carina to where the atrium's caudal edge meets the caudal vena cava.
 *
 * Malcolm EL et al. J Am Vet Med Assoc 2018;253:1038-1045: from 2.3 on the atrium is enlarged, dogs with mitral disease.
 * Vezzosi T et al. Vet Radiol Ultrasound 2020;61:507-511: reference interval 1.4 to 2.2 in 80 dogs.
 */
export const VERTEBRAL_LEFT_ATRIAL_SIZE: Definition = {
  id: "vlas",
  label: "Left atrial size (VLAS)",
  hint: "Lateral view: the left atrium, counted in vertebrae from T4 on.",
  picture: THORAX,
  steps: [
    step("Middle of the lower edge of the carina", 84, 60),
    step("Caudal edge of the left atrium, at the upper border of the caudal vena cava", 126, 76),
    step("Cranial edge of T4", 15, 40),
  ],
  repeat: spineFrom((points) => [[at(points, 0), at(points, 1)]], 2),
  normal: "dog below 2.3 v, healthy 1.4 to 2.2 v",
  source: "Malcolm, J Am Vet Med Assoc 2018; Vezzosi, Vet Radiol Ultrasound 2020",
  lines: (points) => [{ points: points.slice(0, 2) }, spineLine(points.slice(2))],
  values: (points, plane) => {
    const size = new Vertebrae(points.slice(2), plane).count(distance(plane.of(at(points, 0)), plane.of(at(points, 1))));
    return size === undefined ? [] : [{ key: "vlas", name: "VLAS", value: size, unit: "v" }];
  },
};

const HIPS = "M60 20C35 30 30 60 50 75M140 20C165 30 170 60 150 75M62 55a16 16 0 1 0 .1 0M138 55a16 16 0 1 0 .1 0M58 86 50 118M142 86 150 118";

/**
 * Norberg angle of both hips: between the line of the femoral heads' centres and the craniolateral acetabular rim.
 *
 * Grade A of the FCI asks for 105 degrees: Flückiger M. Eur J Companion Anim Pract 2007;17:135-140. The limit is a doubtful
 * one: breeds differ (Tomlinson JL, Johnson JC. Am J Vet Res 2000;61:1492-1500, 1,841 dogs of four breeds), and it tells
 * little of laxity (Gaspar AR et al. Prev Vet Med 2016, 437 dogs).
 */
export const NORBERG: Definition = {
  id: "norberg",
  label: "Norberg angle",
  hint: "Extended ventrodorsal hips: three points on the rim of each femoral head give its centre.",
  picture: HIPS,
  steps: [
    ...[[50, 60], [62, 87], [76, 64]].map(([x, y], number) => step(`Head on the left of the picture, rim point ${number + 1} of 3`, x as number, y as number)),
    ...[[124, 64], [138, 87], [150, 60]].map(([x, y], number) => step(`Head on the right of the picture, rim point ${number + 1} of 3`, x as number, y as number)),
    step("Cranial lateral edge of the acetabulum, on the left", 46, 42),
    step("Cranial lateral edge of the acetabulum, on the right", 154, 42),
  ],
  normal: "dog 105° or more (FCI grade A); breeds differ",
  source: "Flückiger, Eur J Companion Anim Pract 2007; Tomlinson and Johnson, Am J Vet Res 2000",
  lines: (points, plane) => {
    const heads = femoralHeads(points, plane);
    if (!heads) return [];
    const [left, right] = heads.map(({ centre }) => plane.image(centre)) as [Point, Point];
    const round = heads.map(({ centre, radius }) => ({ points: circleLine(centre, radius, plane) }));
    return [...round, { points: [left, right] }, { points: [left, at(points, 6)] }, { points: [right, at(points, 7)] }];
  },
  values: (points, plane) => {
    const heads = femoralHeads(points, plane);
    if (!heads) return [];
    const [left, right] = heads.map(({ centre }) => centre) as [Point, Point];
    const angle = (from: Point, other: Point, rim: Point): number => angleBetween(minus(other, from), minus(plane.of(rim), from));
    return [
      { key: "norberg-left", name: "Norberg, left of the picture", value: angle(left, right, at(points, 6)), unit: "°" },
      { key: "norberg-right", name: "Norberg, right of the picture", value: angle(right, left, at(points, 7)), unit: "°" },
    ];
  },
};

/**
 * Tibial plateau angle: between the medial plateau and the perpendicular to the tibia's mechanical axis.
 *
 * Slocum B, Slocum TD. Vet Clin North Am Small Anim Pract 1993;23:777-795: the method.
 * Reif U, Probst CW. Vet Surg 2003;32:385-389: 23.6 +- 3.5 in 39 healthy Labradors, 23.5 +- 3.1 in 42 with a torn ligament.
 * Sabanci SS, Ocal MK. Vet Comp Orthop Traumatol 2014;27:135-140: medial 24.0 +- 3.19 on photographs of 90 dogs' bones.
 */
export const TIBIAL_PLATEAU: Definition = {
  id: "tpa",
  label: "Tibial plateau angle",
  hint: "Lateral stifle and hock: the tibia's axis, then the medial plateau.",
  picture: "M60 30 130 20C140 30 120 40 118 60L112 100H92L88 60C86 45 60 45 60 30ZM102 106a7 7 0 1 0 .1 0",
  steps: [
    step("Axis: middle of the intercondylar eminences", 96, 25),
    step("Axis: centre of the talus", 102, 113),
    step("Plateau: cranial edge of the medial condyle", 62, 32),
    step("Plateau: caudal edge of the medial condyle", 130, 22),
  ],
  normal: "dog 24.0° ± 3.2°, Labrador 23.6° ± 3.5°",
  source: "Slocum, Vet Clin North Am Small Anim Pract 1993; Reif and Probst, Vet Surg 2003; Sabanci and Ocal, Vet Comp Orthop Traumatol 2014",
  lines: (points) => [{ points: points.slice(0, 2) }, { points: points.slice(2, 4) }],
  values: (points, plane) => {
    const [top, talus, cranial, caudal] = [0, 1, 2, 3].map((number) => plane.of(at(points, number))) as [Point, Point, Point, Point];
    const [axis, plateau] = [minus(talus, top), minus(caudal, cranial)];
    return [{ key: "tpa", name: "TPA", value: degrees(Math.asin(dot(axis, plateau) / (size(axis) * size(plateau)))), unit: "°" }];
  },
};

/**
 * Cardiothoracic ratio: the heart's widest breadth in that of the thorax, inside the ribs.
 *
 * Danzer CS. Am J Med Sci 1919;157:513-521: up to 0.50 in adults, upright posteroanterior view. Between 0.45 and 0.55 it
 * decides nothing: Simkus P et al. Insights Imaging 2021;12:158. What is published of dogs and cats are ratios of areas
 * (Torad FA, Hassan EA. J Vet Cardiol 2014;16:237-244), no ratios of breadths.
 */
export const CARDIOTHORACIC: Definition = {
  id: "ctr",
  label: "Cardiothoracic ratio",
  hint: "Frontal or ventrodorsal thorax: inside the ribs at the widest place, then the heart's borders.",
  picture: "M70 10C30 20 20 60 22 110H178C180 60 170 20 130 10M100 45C70 55 70 95 100 105S150 95 140 70 115 40 100 45Z",
  steps: [step("Inner edge of the ribs, one side", 24, 90), step("Inner edge of the ribs, other side", 176, 90), step("Heart’s border on one side, farthest out", 78, 80), step("Heart’s border on the other side, farthest out", 144, 80)],
  normal: "adult up to 0.50, upright PA",
  source: "Danzer, Am J Med Sci 1919; Simkus, Insights Imaging 2021",
  lines: (points) => [{ points: points.slice(0, 2) }, { points: points.slice(2, 4) }],
  values: (points, plane) => {
    const [a, b, c, d] = [0, 1, 2, 3].map((number) => plane.of(at(points, number))) as [Point, Point, Point, Point];
    const across = minus(b, a);
    return [{ key: "ctr", name: "Cardiothoracic ratio", value: Math.abs(dot(minus(d, c), across)) / dot(across, across), unit: "" }];
  },
};

function spineLine(points: readonly Point[]): Line {
  return { points, dashed: true };
}

function femoralHeads(points: readonly Point[], plane: Plane): { centre: Point; radius: number }[] | undefined {
  const on = (number: number): Point => plane.of(at(points, number));
  const heads = [circleThrough(on(0), on(1), on(2)), circleThrough(on(3), on(4), on(5))];
  return heads[0] && heads[1] ? (heads as { centre: Point; radius: number }[]) : undefined;
}

function circleLine(centre: Point, radius: number, plane: Plane): Point[] {
  return Array.from({ length: 49 }, (_, number) => {
    const turn = (number / 48) * 2 * Math.PI;
    return plane.image(plus(centre, { x: radius * Math.cos(turn), y: radius * Math.sin(turn) }));
  });
}

export const VETERINARY = [VERTEBRAL_HEART_SCORE, VERTEBRAL_LEFT_ATRIAL_SIZE, NORBERG, TIBIAL_PLATEAU, CARDIOTHORACIC];
