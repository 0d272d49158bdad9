import type { Findings } from '../findings.ts';
import { slugOf } from '../names.ts';
import type { Settings } from '../settings.ts';

const REFERENCE = /^os\.environ\/(.+)$/;

/** A text of the config: as it stands, or the name of a variable of the environment that holds it. */
export type Said = { readonly literal: string } | { readonly variable: string };

/**
 * What `os.environ/NAME` stands for: a value under `environment_variables`, else a variable that only the machine knows on
 * which LiteLLM ran. This machine's own environment is never looked at, so that an import is the same everywhere.
 */
export class Environment {
  readonly #values = new Map<string, string>();
  readonly #findings: Findings;

  constructor(variables: Settings, findings: Findings) {
    this.#findings = findings;
    for (const name of variables.names) {
      const value = variables.text(name);
      if (value !== undefined) this.#values.set(name, value);
    }
  }

  /** What a text says. */
  read(text: string): Said {
    const variable = REFERENCE.exec(text)?.[1];
    return variable === undefined ? { literal: text } : this.variable(variable);
  }

  /** What a variable holds, where the config says it. */
  variable(name: string): Said {
    const literal = this.#values.get(name);
    return literal === undefined ? { variable: name } : { literal };
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** A setting that is no secret; one of the environment cannot be known and is to be filled in where `instead` stands. */
  plain(settings: Settings, name: string, instead?: (variable: string) => string): string | undefined {
    const text = settings.text(name);
    if (text === undefined) return undefined;
    const said = this.read(text);
    if ('literal' in said) return said.literal;
    if (instead === undefined) {
      this.#findings.add('not-carried', settings.at(name), `stands in the environment variable ${said.variable}`);
      return undefined;
    }
    const placeholder = instead(said.variable);
    this.#findings.add(
      'fill-in',
      settings.at(name),
      `stands in the environment variable ${said.variable}: put it in place of ${placeholder}`,
    );
    return placeholder;
  }
}

/** What stands in a Secret until somebody puts the value there. */
export function placeholderOf(variable: string): string {
  return `REPLACE-WITH-THE-VALUE-OF-${variable}`;
}

/** A URL that leads nowhere (RFC 6761) until somebody puts the right one there. */
export function placeholderUrl(variable: string): string {
  return `https://replace-with-${slugOf(variable)}.invalid`;
}
