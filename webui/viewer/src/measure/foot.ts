// Measurements of the forefoot, weight-bearing dorsoplantar view.
import { _ } from "../../../static/js/words.js";
import { at, type Definition, type Step } from "./definition";
import { lineAngle, minus } from "./vector";

const step = (hint: string, x: number, y: number): Step => ({ hint, at: [x, y] });
const FOOT = "M60 110C50 85 45 70 40 55H62C66 70 72 90 76 110ZM42 50C45 35 52 20 60 8H75C70 22 66 38 62 50ZM90 110C90 85 88 70 88 50H102C104 70 106 90 106 110ZM120 110C124 85 124 70 126 55H138C138 75 136 92 134 110Z";

function betweenAxes(id: string, label: string, hint: string, steps: Step[], normal: string): Definition {
  return {
    id,
    label,
    hint,
    picture: FOOT,
    steps,
    normal,
    source: "Piqué-Vidal, J Foot Ankle Res 2009",
    lines: (points) => [{ points: points.slice(0, 2) }, { points: points.slice(2, 4) }],
    values: (points, plane) => {
      const along = (from: number, to: number) => minus(plane.of(at(points, to)), plane.of(at(points, from)));
      return [{ key: id, name: label, value: lineAngle(along(0, 1), along(2, 3)), unit: "°" }];
    },
  };
}

const FIRST = [step("First metatarsal: middle of the shaft, near its base", 68, 100), step("First metatarsal: middle of the shaft, near its head", 52, 62)];

/** Between the axes of the first metatarsal and the proximal phalanx. Piqué-Vidal C, Vila J. J Foot Ankle Res 2009;2:15, table 1. */
export const HALLUX_VALGUS = betweenAxes("hallux-valgus", "Hallux valgus angle", "Weight-bearing dorsoplantar foot: axes of the first metatarsal and of the proximal phalanx.", [...FIRST, step("Proximal phalanx: middle near its base", 52, 46), step("Proximal phalanx: middle near its head", 66, 12)], _("below 15°"));

/** Between the axes of the first and second metatarsal. Piqué-Vidal C, Vila J. J Foot Ankle Res 2009;2:15, table 1. */
export const INTERMETATARSAL = betweenAxes("intermetatarsal", "Intermetatarsal angle I–II", "Weight-bearing dorsoplantar foot: axes of the first and second metatarsal.", [...FIRST, step("Second metatarsal: middle of the shaft, near its base", 98, 104), step("Second metatarsal: middle of the shaft, near its head", 95, 56)], _("below 9°"));

export const PODIATRIC = [HALLUX_VALGUS, INTERMETATARSAL];
