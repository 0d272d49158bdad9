/** Names of resources, each given out once. */
export class Names {
  readonly #given = new Set<string>();

  /** A name that Kubernetes takes, as near as can be to `wanted`; a number follows where it is given out already. */
  give(wanted: string): string {
    const slug = slugOf(wanted);
    for (let number = 1; ; number++) {
      const name = number === 1 ? slug : `${slug}-${number}`;
      if (this.#given.has(name)) continue;
      this.#given.add(name);
      return name;
    }
  }
}

/** Lower-case letters, digits and "-", at most 56. */
export function slugOf(text: string): string {
  const slug = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 56)
    .replace(/^-+|-+$/g, '');
  return slug === '' ? 'unnamed' : slug;
}
