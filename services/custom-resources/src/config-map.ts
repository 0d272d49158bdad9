import { type Fault, type Metadata, type Parsed, parseMetadata } from './parse.ts';

/** A `v1` ConfigMap, as far as it is text. */
export type ConfigMap = {
  readonly metadata: Metadata;
  readonly data: ReadonlyMap<string, string>;
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Tells whether an object is a `v1` ConfigMap. */
export function isConfigMap(value: unknown): value is Record<string, unknown> {
  return isObject(value) && value.apiVersion === 'v1' && value.kind === 'ConfigMap';
}

/** Reads a `v1` ConfigMap. */
export function parseConfigMap(value: unknown): Parsed<ConfigMap> {
  if (!isConfigMap(value)) return { ok: false, faults: [{ path: 'kind', message: 'must be a v1 ConfigMap' }] };
  const faults: Fault[] = [];
  const metadata = parseMetadata(value.metadata);
  if (!metadata.ok) faults.push(...metadata.faults);
  const entries = value.data ?? {};
  if (!isObject(entries)) faults.push({ path: 'data', message: 'must be an object' });
  const data = new Map<string, string>();
  for (const [key, text] of isObject(entries) ? Object.entries(entries) : []) {
    if (typeof text === 'string') data.set(key, text);
    else faults.push({ path: `data.${key}`, message: 'must be a string' });
  }
  if (faults.length > 0 || !metadata.ok) return { ok: false, faults };
  return { ok: true, value: { metadata: metadata.value, data } };
}
