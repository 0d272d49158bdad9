/** What a reader of an import must know of one setting. */
export interface Finding {
  /** Where it stands in what was imported, for example `model_list[3].litellm_params.rpm`. */
  readonly path: string;
  /**
   * `not-carried`: nothing stands for it; `changed`: something alike does; `fill-in`: a value must be put in by hand;
   * `secret`: its value was written into the file of Secrets.
   */
  readonly kind: 'not-carried' | 'changed' | 'fill-in' | 'secret';
  readonly why: string;
}

/** Collects findings in the order in which they are made; the same one is kept once. Values are never in them. */
export class Findings {
  readonly #all = new Map<string, Finding>();

  add(kind: Finding['kind'], path: string, why: string): void {
    this.#all.set(`${kind} ${path} ${why}`, { path, kind, why });
  }

  /** Those whose setting stands in the config first come first. */
  get all(): readonly Finding[] {
    return [...this.#all.values()];
  }
}
