/** Keeps what was used last, within a number of bytes. */
export class Cache<Value> {
  private readonly entries = new Map<string, { value: Value; bytes: number }>();
  private held = 0;

  constructor(readonly budget: number) {}

  /** Bytes now kept. */
  get bytes(): number {
    return this.held;
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  get(key: string): Value | undefined {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    this.entries.delete(key);
    this.entries.set(key, entry); // the last used stands last
    return entry.value;
  }

  /** Keep a value; what alone is larger than the budget is not kept. */
  put(key: string, value: Value, bytes: number): void {
    this.remove(key);
    if (bytes > this.budget) return;
    for (const [oldest] of this.entries) {
      if (this.held + bytes <= this.budget) break;
      this.remove(oldest);
    }
    this.entries.set(key, { value, bytes });
    this.held += bytes;
  }

  private remove(key: string): void {
    this.held -= this.entries.get(key)?.bytes ?? 0;
    this.entries.delete(key);
  }
}
