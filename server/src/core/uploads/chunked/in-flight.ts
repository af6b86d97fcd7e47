/** Counts the work under way, by key. */
export class InFlight {
  readonly #counts = new Map<string, number>();

  /** Counts as under way until `work` has ended. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    this.#counts.set(key, this.#count(key) + 1);
    try {
      return await work();
    } finally {
      const left = this.#count(key) - 1;
      if (left === 0) {
        this.#counts.delete(key);
      } else {
        this.#counts.set(key, left);
      }
    }
  }

  has(key: string): boolean {
    return this.#counts.has(key);
  }

  #count(key: string): number {
    return this.#counts.get(key) ?? 0;
  }
}
