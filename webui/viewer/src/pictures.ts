/** A picture of a study, as the page names it. */
export interface Picture {
  /** The instance's row at the box: its pages are below `/instances/<id>/`. */
  readonly id: number;
  readonly label: string;
  readonly frames: number;
  readonly preview: string;
  readonly modality: string;
  readonly bodyPart: string;
  readonly view: string;
  readonly laterality: string;
  readonly series: string;
  /** The study's row, and its date as people write it. */
  readonly study: number;
  readonly date: string;
  /** Whether it is of an earlier study of the patient. */
  readonly prior: boolean;
  /** Why it cannot be shown, empty if it can, and what is known of the file all the same. */
  readonly refusal: string;
  readonly fileFacts: string;
  /** What one turns the pages of from here: its frames, or all slices of its series. */
  readonly stack: readonly Slice[];
}

/** One frame, counted from 1, of one picture. */
export interface Slice {
  readonly picture: Picture;
  readonly frame: number;
}

/** Modalities whose series are stacks of slices rather than single views. */
const SLICED = ["CT", "MR", "PT", "NM"];

/** The pictures named by the page's buttons, in their order, with their stacks. */
export function readPictures(entries: readonly HTMLElement[]): Picture[] {
  const pictures = entries.map((entry) => ({ ...named(entry), stack: [] as Slice[] }));
  for (const picture of pictures) {
    const series = SLICED.includes(picture.modality) ? pictures.filter((other) => belongTogether(picture, other)) : [picture];
    const first = series[0] as (typeof pictures)[number];
    if (first !== picture) picture.stack = first.stack;
    else picture.stack = series.filter((one) => !one.refusal).flatMap((one) => slicesOf(one));
  }
  return pictures;
}

function belongTogether(one: Picture, other: Picture): boolean {
  return one.series === other.series && one.study === other.study;
}

function slicesOf(picture: Picture): Slice[] {
  return Array.from({ length: picture.frames }, (_, index) => ({ picture, frame: index + 1 }));
}

function named(entry: HTMLElement): Omit<Picture, "stack"> {
  const said = (name: string): string => entry.dataset[name] ?? "";
  return {
    id: Number(said("picture")),
    label: said("label"),
    frames: Number(said("frames")) || 1,
    preview: said("preview"),
    modality: said("modality"),
    bodyPart: said("bodyPart"),
    view: said("view"),
    laterality: said("laterality"),
    series: said("series"),
    study: Number(said("study")),
    date: said("date"),
    prior: "prior" in entry.dataset,
    refusal: said("refusal"),
    fileFacts: said("fileFacts"),
  };
}
