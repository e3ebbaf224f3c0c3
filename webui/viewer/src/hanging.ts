import { _ } from "../../static/js/words.js";
import { addressOf } from "./address";
import type { Picture } from "./pictures";
import type { Layout, LightTable } from "./table";

/** One place of an arrangement: which view hangs there, and how it is turned. */
export interface HungPlace {
  readonly view: string;
  readonly rotation: number;
  readonly flipped: boolean;
}

/** How the pictures of an exam hang; places row by row. */
export interface Arrangement extends Layout {
  readonly places: readonly HungPlace[];
}

interface Exam {
  readonly name: string;
  /** Body Part Examined, a part of it is enough. */
  readonly bodyParts: readonly string[];
  readonly layout: Layout;
  /** For each place the View Positions that belong there, the best first. */
  readonly places: readonly (readonly string[])[];
}

/** Where a person has not said otherwise. */
const EXAMS: readonly Exam[] = [
  { name: "thorax", bodyParts: ["CHEST", "THORAX", "LUNG"], layout: { columns: 3, rows: 1 }, places: [["RL", "RLD", "LATERAL"], ["LL", "LLD"], ["VD", "DV", "PA", "AP"]] },
  { name: "abdomen", bodyParts: ["ABDOMEN"], layout: { columns: 2, rows: 1 }, places: [["RL", "LL", "LATERAL"], ["VD", "DV", "AP"]] },
  { name: "hip", bodyParts: ["HIP", "PELVIS"], layout: { columns: 2, rows: 1 }, places: [["VD", "AP"], ["FROG", "RL", "LL", "LATERAL"]] },
  { name: "cervical spine", bodyParts: ["CSPINE", "CERVICAL", "NECK"], layout: { columns: 2, rows: 2 }, places: [["LL", "RL", "LATERAL"], ["AP", "PA", "VD"], ["FLEX"], ["EXT"]] },
  { name: "lumbar spine", bodyParts: ["LSPINE", "LUMBAR"], layout: { columns: 2, rows: 1 }, places: [["LL", "RL", "LATERAL"], ["AP", "VD"]] },
  { name: "foot", bodyParts: ["FOOT", "ANKLE"], layout: { columns: 3, rows: 1 }, places: [["DP", "AP", "PA"], ["OBL", "LO", "RO"], ["LL", "RL", "LATERAL", "ML"]] },
];

const ONE: Layout = { columns: 1, rows: 1 };
/** CSS pixels; narrower than this, a picture beside others is too small to read. */
const LEAST_WIDTH = 320;

/** Hangs pictures by view, as a person left them last time, else as is common for the exam. */
export class Hanging {
  constructor(
    private readonly table: LightTable,
    private readonly mine: Record<string, Arrangement>,
    private readonly csrf: string,
  ) {}

  /** What this exam is called in what is remembered: a common exam's name, else its body part. */
  get exam(): string {
    return this.common?.name ?? (this.own[0]?.bodyPart.toLowerCase() || "other");
  }

  /** Hang this study's pictures. */
  async hang(): Promise<void> {
    const mine = this.mine[this.exam];
    if (mine) return this.hangAs(mine, mine.places.map(({ view }) => [view]), mine.places);
    const { common } = this;
    const found = common ? match(this.own, common.places).filter(Boolean).length : 0;
    const wide = this.table.grid.clientWidth >= LEAST_WIDTH * (common?.layout.columns ?? 1);
    if (common && wide && found > 1) return this.hangAs(common.layout, common.places, []);
    return this.hangAs(ONE, [[]], []);
  }

  /** Remember how this exam hangs now. */
  async remember(): Promise<void> {
    const { visible, layout } = this.table;
    const places = visible.map(({ picture, placement: { rotation, flipped } }) => ({ view: picture ? viewOf(picture) : "", rotation, flipped }));
    const arrangement = { ...layout, places };
    this.mine[this.exam] = arrangement;
    await this.tell(arrangement);
  }

  /** Hang this exam as is common again. */
  async forget(): Promise<void> {
    delete this.mine[this.exam];
    await this.tell(null);
    await this.hang();
  }

  private get own(): Picture[] {
    return this.table.firsts.filter((picture) => !picture.prior);
  }

  private get common(): Exam | undefined {
    const parts = this.own.map((picture) => picture.bodyPart.toUpperCase());
    return EXAMS.find((exam) => parts.some((part) => exam.bodyParts.some((word) => part.includes(word))));
  }

  private async hangAs(layout: Layout, views: readonly (readonly string[])[], turns: readonly HungPlace[]): Promise<void> {
    const { table } = this;
    table.setLayout(layout);
    const chosen = match(this.own, views);
    const left = this.own.filter((picture) => !chosen.includes(picture));
    await Promise.all(
      table.visible.map(async (viewport, place) => {
        const picture = chosen[place] ?? left.shift();
        if (!picture) return viewport.clear();
        await viewport.show(picture);
        const turn = turns[place];
        if (turn) viewport.setPlacement({ rotation: turn.rotation, flipped: turn.flipped });
      }),
    );
  }

  private async tell(arrangement: Arrangement | null): Promise<void> {
    const answer = await fetch(addressOf("/viewer/hanging"), {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": this.csrf },
      body: JSON.stringify({ exam: this.exam, arrangement }),
    }).catch(() => undefined);
    this.table.say(answer?.ok ? (arrangement ? _("This arrangement is remembered for you.") : _("Forgotten.")) : _("This could not be remembered. Try again."));
  }
}

/** Side and view together, as remembered. */
export function viewOf({ laterality, view, label }: Picture): string {
  return [laterality, view].filter(Boolean).join(" ") || label;
}

/** For each place the first picture not yet hung whose view belongs there. */
function match(pictures: readonly Picture[], places: readonly (readonly string[])[]): (Picture | undefined)[] {
  const left = new Set(pictures.filter((picture) => !picture.refusal));
  return places.map((views) => {
    const found = views.flatMap((view) => [...left].filter((picture) => fits(picture, view)))[0];
    if (found) left.delete(found);
    return found;
  });
}

function fits(picture: Picture, view: string): boolean {
  const has = picture.view.toUpperCase();
  return viewOf(picture) === view || has === view || (view.length > 3 && (has.includes(view) || picture.label.toUpperCase().includes(view)));
}

/** The picture of an earlier study that compares best: same view and side, else same view, else same body part. */
export function priorOf(picture: Picture, pictures: readonly Picture[]): Picture | undefined {
  const score = (other: Picture): number =>
    (other.bodyPart === picture.bodyPart ? 4 : 0) + (other.view === picture.view ? 2 : 0) + (other.laterality === picture.laterality ? 1 : 0);
  const priors = pictures.filter((other) => other.prior && !other.refusal && other.study !== picture.study);
  return priors.reduce<Picture | undefined>((best, other) => (best && score(best) >= score(other) ? best : other), undefined);
}
