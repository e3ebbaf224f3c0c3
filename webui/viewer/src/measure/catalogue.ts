import { BASIC } from "./basic";
import type { Definition } from "./definition";
import { PODIATRIC } from "./foot";
import { SPINAL } from "./spine";
import { VETERINARY } from "./veterinary";

/** The menus of measurements, and what stands in each. */
export const MENUS: readonly (readonly [string, readonly Definition[]])[] = [
  ["Measure", BASIC],
  ["Animals", VETERINARY],
  ["Spine, foot", [...SPINAL, ...PODIATRIC]],
];

const BY_ID = new Map(MENUS.flatMap(([, definitions]) => definitions).map((definition) => [definition.id, definition]));

/** A measurement by its id; undefined for one of another program or release. */
export function definitionOf(id: string): Definition | undefined {
  return BY_ID.get(id);
}
