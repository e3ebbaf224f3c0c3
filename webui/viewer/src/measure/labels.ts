import type { Point } from "../geometry";
import type { History } from "./history";

type Places = ReadonlyMap<string, Point>;

/** Where a person has put labels: image points of their middles by drawing; the others find a place by themselves. */
export class Labels extends EventTarget {
  private places: Places = new Map();

  constructor(private readonly history: History) {
    super();
  }

  get all(): Places {
    return this.places;
  }

  /** Show a label elsewhere while it is dragged; `settle` makes it one step of the history. */
  preview(uid: string, to: Point): void {
    this.become(new Map(this.places).set(uid, to));
  }

  /** End a preview that began with `before`. */
  settle(before: Places): void {
    const after = this.places;
    if (after !== before) this.history.record({ undo: () => this.become(before), redo: () => this.become(after) });
  }

  /** Take a preview back. */
  become(places: Places): void {
    this.places = places;
    this.dispatchEvent(new Event("change"));
  }
}
