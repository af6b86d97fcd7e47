/** Work that callers share while it runs: one run for each key. */
export class SharedWork<Result> {
  readonly #running = new Map<string, Promise<Result>>();

  /**
   * Joins the run for `key`, or begins one. When the joined run fails, this caller tries again,
   * because that run may have begun before what this caller did beforehand; `work` then gets the
   * error of the joined run.
   */
  async run(key: string, work: (joinedError?: unknown) => Promise<Result>): Promise<Result> {
    const running = this.#running.get(key);
    if (running === undefined) {
      return this.#begin(key, work());
    }
    try {
      return await running;
    } catch (error) {
      return this.#running.get(key) ?? this.#begin(key, work(error));
    }
  }

  #begin(key: string, work: Promise<Result>): Promise<Result> {
    const running = work.finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return running;
  }
}
