import { createHash } from 'node:crypto';
import { type Fault, type Metadata, type Parsed, parseMetadata } from './parse.ts';

/** A `v1` Secret with its values decoded. It lives in memory only, on its way to vault. */
export type Secret = {
  readonly metadata: Metadata;
  readonly data: ReadonlyMap<string, string>;
  /** Changes when a value changes; says nothing of the values to those who do not know them. */
  readonly version: string;
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Tells whether an object is a `v1` Secret. */
export function isSecret(value: unknown): value is Record<string, unknown> {
  return isObject(value) && value.apiVersion === 'v1' && value.kind === 'Secret';
}

/** Reads a `v1` Secret; `stringData` wins over `data`, as the API server has it. Faults never quote a value. */
export function parseSecret(value: unknown): Parsed<Secret> {
  if (!isSecret(value)) return { ok: false, faults: [{ path: 'kind', message: 'must be a v1 Secret' }] };
  const faults: Fault[] = [];
  const metadata = parseMetadata(value.metadata);
  if (!metadata.ok) faults.push(...metadata.faults);
  const data = new Map<string, string>();
  for (const field of ['data', 'stringData'] as const) {
    const entries = value[field] ?? {};
    if (!isObject(entries)) {
      faults.push({ path: field, message: 'must be an object' });
      continue;
    }
    for (const [key, entry] of Object.entries(entries)) {
      if (typeof entry !== 'string') faults.push({ path: `${field}.${key}`, message: 'must be a string' });
      else if (field === 'stringData') data.set(key, entry);
      else if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(entry))
        faults.push({ path: `${field}.${key}`, message: 'must be base64' });
      else data.set(key, Buffer.from(entry, 'base64').toString('utf8'));
    }
  }
  if (faults.length > 0 || !metadata.ok) return { ok: false, faults };
  return { ok: true, value: { metadata: metadata.value, data, version: versionOf(metadata.value, data) } };
}

function versionOf(metadata: Metadata, data: ReadonlyMap<string, string>): string {
  if (metadata.uid !== undefined && metadata.resourceVersion !== undefined) {
    return `${metadata.uid}/${metadata.resourceVersion}`;
  }
  const hash = createHash('sha256').update(`${metadata.namespace}/${metadata.name}`);
  for (const key of [...data.keys()].sort()) hash.update(JSON.stringify([key, data.get(key)]));
  return hash.digest('hex');
}
