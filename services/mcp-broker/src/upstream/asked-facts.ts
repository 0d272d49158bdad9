import type { JsonObject } from '../catalog/definition.ts';
import type { AskedInput } from './caller.ts';

/** What a tool server asked, as it is recorded: no words of it but names of fields. */
export interface AskedFacts {
  /** Methods of the requests, by key. */
  readonly requests: Readonly<Record<string, string>>;
  /** Hosts of the links. */
  readonly hosts?: readonly string[];
  /** Fields of forms that seem to ask for a secret, which MCP forbids servers to do by form. */
  readonly secrets?: readonly string[];
}

// Whole words of a name or title, in its usual spellings.
const SECRET =
  /(^|[^a-z])(pass(word|wort|code|phrase|wd)?|pwd|passwd|secrets?|credentials?|tokens?|api ?keys?|private ?keys?|access ?keys?|otp|pin|cvv|cvc|ssn|iban|credit ?card|card ?number|security ?code|social ?security|seed ?phrase|recovery ?(code|phrase|key)s?|mfa|2fa|kennwort)([^a-z]|$)/;
const MAX_FIELDS = 16;
const MAX_NAME = 128;

/** What is recorded of a question; undefined for none. */
export function askedFacts(asked: AskedInput | undefined): AskedFacts | undefined {
  if (asked === undefined) return undefined;
  const entries = Object.entries(asked.requests) as [string, { method: string; params?: JsonObject }][];
  const hosts = entries.flatMap(([, { params }]) =>
    typeof params?.url === 'string' ? [new URL(params.url).host] : [],
  );
  const secrets = entries.flatMap(([key, { params }]) => secretFields(key, params));
  return {
    requests: Object.fromEntries(entries.map(([key, { method }]) => [key, method])),
    ...(hosts.length === 0 ? {} : { hosts: [...new Set(hosts)] }),
    ...(secrets.length === 0 ? {} : { secrets: secrets.slice(0, MAX_FIELDS) }),
  };
}

function secretFields(key: string, params: JsonObject | undefined): string[] {
  const schema = params?.requestedSchema as { properties?: Record<string, unknown> } | undefined;
  const fields = Object.entries(schema?.properties ?? {}).filter(([name, field]) => {
    const { title, description, format } = (field ?? {}) as Record<string, unknown>;
    return format === 'password' || [name, title, description].some(seemsSecret);
  });
  const names = fields.map(([name]) => `${key}/${name}`.slice(0, MAX_NAME));
  // The words around a form may ask for what no field of it names.
  return names.length === 0 && schema !== undefined && seemsSecret(params?.message) ? [key] : names;
}

function seemsSecret(text: unknown): boolean {
  if (typeof text !== 'string') return false;
  const words = text
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/[_.-]/g, ' ')
    .toLowerCase();
  return SECRET.test(words);
}
