import { LineCounter, parseAllDocuments } from 'yaml';
import type { z } from 'zod';
import { apiVersion, group } from './define-resource.ts';
import { isKind, type Kind, kindNames, kinds, type SpecOf } from './kinds.ts';
import { nearest } from './nearest.ts';
import { openApiSchema, type Schema } from './schema.ts';

/** One mistake in a resource: where, as a path such as `spec.targets[0].provider`, and what. */
export type Fault = { readonly path: string; readonly message: string };

/** The parts of Kubernetes metadata that Sallyport reads. */
export type Metadata = {
  readonly name: string;
  /** The tenant. */
  readonly namespace: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};

/** A resource that passed validation; every default is filled in. */
export type Resource<K extends Kind = Kind> = {
  [P in K]: { readonly apiVersion: string; readonly kind: P; readonly metadata: Metadata; readonly spec: SpecOf<P> };
}[K];

/** What validation says: the resource, or everything that is wrong with it. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: readonly Fault[] };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const metadataFields = [
  'name',
  'namespace',
  'labels',
  'annotations',
  'uid',
  'generation',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'ownerReferences',
  'finalizers',
  'generateName',
  'selfLink',
];

function unknownField(path: string, name: string, known: readonly string[]): Fault {
  const meant = nearest(name, known);
  return { path, message: `unknown field${meant === undefined ? '' : `; did you mean "${meant}"?`}` };
}

function unknownFields(value: unknown, schema: Schema, path: string): Fault[] {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items === undefined ? [] : value.flatMap((entry, index) => unknownFields(entry, items, `${path}[${index}]`));
  }
  const properties = schema.properties;
  if (!isObject(value) || properties === undefined) return [];
  return Object.entries(value).flatMap(([name, entry]) => {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return known === undefined
      ? [unknownField(`${path}.${name}`, name, Object.keys(properties))]
      : unknownFields(entry, known, `${path}.${name}`);
  });
}

function pathOf(root: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}.${String(part)}`),
    root,
  );
}

function words(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.input === undefined && /received undefined/.test(issue.message)) {
    return 'required';
  }
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'invalid_format' && /^Invalid string/.test(issue.message))
    return `does not match ${issue.pattern ?? issue.format}`;
  return issue.message.replace(/^Invalid input: /, '').replace(/^Invalid input$/, 'invalid');
}

/** Validates a spec of a kind and fills in its defaults; `name` is the resource's, from which some defaults come. */
export function parseSpec<K extends Kind>(kind: K, spec: unknown, name: string): Parsed<SpecOf<K>> {
  const definition = kinds[kind];
  const faults = unknownFields(spec, openApiSchema(definition.spec), 'spec');
  const result = definition.spec.safeParse(spec);
  if (!result.success) {
    faults.push(...result.error.issues.map((issue) => ({ path: pathOf('spec', issue.path), message: words(issue) })));
  }
  if (faults.length > 0 || !result.success) return { ok: false, faults };
  const complete = definition.complete as (value: unknown, name: string) => SpecOf<K>;
  return { ok: true, value: complete(result.data, name) };
}

function stringMap(value: unknown, path: string, faults: Fault[]): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) {
    faults.push({ path, message: 'must be an object' });
    return {};
  }
  const map: Record<string, string> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry === 'string') map[key] = entry;
    else faults.push({ path: `${path}.${key}`, message: 'must be a string; put it in quotes' });
  }
  return map;
}

/** Reads metadata of any object; `namespace` is "default" when it is not given. */
export function parseMetadata(value: unknown): Parsed<Metadata> {
  if (!isObject(value)) return { ok: false, faults: [{ path: 'metadata', message: 'required' }] };
  const faults = Object.keys(value)
    .filter((name) => !metadataFields.includes(name))
    .map((name) => unknownField(`metadata.${name}`, name, metadataFields));
  const { name, namespace = 'default' } = value;
  if (typeof name !== 'string' || name.length > 253 || !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name)) {
    faults.push({ path: 'metadata.name', message: 'must be lower-case letters, digits, "-" and ".", at most 253' });
  }
  if (typeof namespace !== 'string' || namespace.length > 63 || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(namespace)) {
    faults.push({ path: 'metadata.namespace', message: 'must be lower-case letters, digits and "-", at most 63' });
  }
  const labels = stringMap(value.labels, 'metadata.labels', faults);
  const annotations = stringMap(value.annotations, 'metadata.annotations', faults);
  if (faults.length > 0) return { ok: false, faults };
  const optional = Object.fromEntries(
    ['uid', 'resourceVersion', 'creationTimestamp', 'deletionTimestamp', 'generation'].flatMap((field) => {
      const held = value[field];
      if (held instanceof Date) return [[field, held.toISOString()]];
      return typeof held === 'string' || typeof held === 'number' ? [[field, held]] : [];
    }),
  ) as Partial<Metadata>;
  return {
    ok: true,
    value: { ...optional, name: name as string, namespace: namespace as string, labels, annotations },
  };
}

/** Validates a whole resource. Unknown fields, kinds and versions are faults with the nearest known name. */
export function parseResource(value: unknown): Parsed<Resource> {
  if (!isObject(value)) return { ok: false, faults: [{ path: '', message: 'must be an object' }] };
  const faults: Fault[] = [];
  const topLevel = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];
  for (const name of Object.keys(value)) if (!topLevel.includes(name)) faults.push(unknownField(name, name, topLevel));
  if (value.apiVersion !== apiVersion) faults.push({ path: 'apiVersion', message: `must be ${apiVersion}` });
  const kind = value.kind;
  if (!isKind(kind)) {
    const meant = typeof kind === 'string' ? nearest(kind, kindNames) : undefined;
    const guess = meant === undefined ? `one of ${kindNames.join(', ')}` : `did you mean "${meant}"?`;
    faults.push({ path: 'kind', message: `unknown kind; ${guess}` });
    return { ok: false, faults };
  }
  const metadata = parseMetadata(value.metadata);
  if (!metadata.ok) faults.push(...metadata.faults);
  const name = metadata.ok ? metadata.value.name : '';
  const spec = parseSpec(kind, value.spec ?? {}, name);
  if (!spec.ok) faults.push(...spec.faults);
  if (faults.length > 0 || !metadata.ok || !spec.ok) return { ok: false, faults };
  return { ok: true, value: { apiVersion, kind, metadata: metadata.value, spec: spec.value } as Resource };
}

/** One document of a YAML file: its value, or what is wrong with its YAML. */
export type YamlDocument = {
  /** Line of the file on which the document begins, from 1. */
  readonly line: number;
  readonly value: unknown;
  readonly faults: readonly Fault[];
};

/** Splits YAML text into documents; empty ones are left out. A key given twice in a map is a fault. JSON is YAML too. */
export function parseYaml(text: string): YamlDocument[] {
  const lines = new LineCounter();
  return parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true, version: '1.2' }).flatMap(
    (document): YamlDocument[] => {
      const start = document.contents?.range?.[0] ?? document.range?.[0] ?? 0;
      const line = Math.max(1, lines.linePos(start).line);
      if (document.errors.length > 0) {
        const faults = document.errors.map((error) => ({
          path: '',
          message: `line ${error.linePos?.[0].line ?? line}: ${error.message.split('\n')[0]?.replace(/ at line .*$/, '')}`,
        }));
        return [{ line, value: undefined, faults }];
      }
      let value: unknown;
      try {
        // maxAliasCount bounds what a few lines of anchors may grow into.
        value = document.toJS({ maxAliasCount: 100 });
      } catch (error) {
        return [
          { line, value: undefined, faults: [{ path: '', message: `line ${line}: ${(error as Error).message}` }] },
        ];
      }
      return value === null || value === undefined ? [] : [{ line, value, faults: [] }];
    },
  );
}

/** Tells whether an object claims to be one of our resources, whatever its version. */
export function isOurs(value: unknown): value is Record<string, unknown> {
  return isObject(value) && typeof value.apiVersion === 'string' && value.apiVersion.split('/')[0] === group;
}
