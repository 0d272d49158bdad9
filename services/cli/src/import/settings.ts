import type { Findings } from './findings.ts';

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * A section of a config that remembers what was taken out of it, so that nothing is passed over in silence: `reportRest`
 * names each setting that nobody asked for. A setting of null counts as absent.
 */
export class Settings {
  readonly path: string;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #findings: Findings;
  readonly #taken = new Set<string>();
  readonly #inner: Settings[] = [];

  constructor(value: unknown, path: string, findings: Findings) {
    this.path = path;
    this.#findings = findings;
    this.#values = isObject(value) ? value : {};
    if (value !== undefined && value !== null && !isObject(value)) findings.add('not-carried', path, 'is no mapping');
  }

  /** Names of the settings that it holds. */
  get names(): string[] {
    return Object.keys(this.#values).filter((name) => this.#values[name] !== undefined && this.#values[name] !== null);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#values, name) && this.#values[name] !== null && this.#values[name] !== undefined;
  }

  at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  /** Whatever stands there. */
  take(name: string): unknown {
    this.#taken.add(name);
    return this.has(name) ? this.#values[name] : undefined;
  }

  text(name: string): string | undefined {
    const value = this.take(name);
    if (value === undefined || value === '') return undefined;
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return String(value);
    return this.#refused(name, 'is no text');
  }

  /** A number of 0 and above; texts of digits count, as YAML makes them of quotes. */
  number(name: string): number | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof number === 'number' && Number.isFinite(number) && number >= 0) return number;
    return this.#refused(name, 'is no number of 0 and above that can be known here');
  }

  flag(name: string): boolean | undefined {
    const value = this.take(name);
    if (value === undefined || typeof value === 'boolean') return value;
    if (value === 'true' || value === 'True') return true;
    if (value === 'false' || value === 'False') return false;
    return this.#refused(name, 'is neither true nor false');
  }

  texts(name: string): string[] {
    const value = this.take(name);
    if (value === undefined) return [];
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
    return this.#refused(name, 'is no list of texts') ?? [];
  }

  /** A section in it; empty where there is none. */
  section(name: string): Settings {
    const inner = new Settings(this.take(name), this.at(name), this.#findings);
    this.#inner.push(inner);
    return inner;
  }

  /** A list of sections. */
  sections(name: string): Settings[] {
    const value = this.take(name);
    if (value === undefined) return [];
    if (!Array.isArray(value)) return this.#refused(name, 'is no list') ?? [];
    return value.map((one, index) => {
      const inner = new Settings(one, `${this.at(name)}[${index}]`, this.#findings);
      this.#inner.push(inner);
      return inner;
    });
  }

  /** Names all that was not taken, here and in its sections. */
  reportRest(why: (name: string) => string): void {
    for (const name of this.names) {
      if (!this.#taken.has(name)) this.#findings.add('not-carried', this.at(name), why(name));
    }
    for (const inner of this.#inner) inner.reportRest(why);
  }

  #refused(name: string, why: string): undefined {
    this.#findings.add('not-carried', this.at(name), why);
    return undefined;
  }
}
