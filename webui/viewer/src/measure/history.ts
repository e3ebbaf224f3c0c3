/** What was done and can be taken back. */
export interface Change {
  undo(): void;
  redo(): void;
}

const MOST = 200;

/** Undo and redo; a new change forgets what was undone. */
export class History extends EventTarget {
  private readonly done: Change[] = [];
  private undone: Change[] = [];
  private busy = false;

  /** Whether a change that is no step is running, so that watchers do not record it as a change. */
  get isReplaying(): boolean {
    return this.busy;
  }

  record(change: Change): void {
    this.done.push(change);
    if (this.done.length > MOST) this.done.shift();
    this.undone = [];
    this.dispatchEvent(new Event("change"));
  }

  undo(): void {
    this.replay(this.done, this.undone, (change) => change.undo());
  }

  redo(): void {
    this.replay(this.undone, this.done, (change) => change.redo());
  }

  /** Change something that is no step of its own. */
  quietly(act: () => void): void {
    const before = this.busy;
    this.busy = true;
    try {
      act();
    } finally {
      this.busy = before;
    }
  }

  private replay(from: Change[], to: Change[], act: (change: Change) => void): void {
    const change = from.pop();
    if (!change) return;
    this.quietly(() => act(change));
    to.push(change);
    this.dispatchEvent(new Event("change"));
  }
}
