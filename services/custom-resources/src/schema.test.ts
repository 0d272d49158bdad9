import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { crdOf, crdsYaml, crdTemplate } from './crd.ts';
import { kinds } from './kinds.ts';
import { openApiSchema, type Schema } from './schema.ts';

const definitions = Object.values(kinds);

function* walk(schema: Schema, path: string): Generator<[string, Schema]> {
  yield [path, schema];
  for (const [name, property] of Object.entries(schema.properties ?? {})) yield* walk(property, `${path}.${name}`);
  if (schema.items !== undefined) yield* walk(schema.items, `${path}[]`);
  if (schema.additionalProperties !== undefined) yield* walk(schema.additionalProperties, `${path}{}`);
}

const schemas = definitions.flatMap((definition) => [
  ...walk(openApiSchema(definition.spec), `${definition.kind}.spec`),
  ...walk(openApiSchema(definition.status), `${definition.kind}.status`),
]);

describe('schemas of the resources', () => {
  it('describe every field, for kubectl explain', () => {
    const fields = schemas.filter(([path]) => !/(\[\]|\{\})$/.test(path));
    expect(fields.length).toBeGreaterThan(100);
    expect(fields.filter(([, schema]) => schema.description === undefined).map(([path]) => path)).toEqual([]);
  });

  it('bound every string, list, map and number, so that CEL has a cost', () => {
    const unbounded = schemas.filter(([, schema]) => {
      if (schema.type === 'string') return schema.maxLength === undefined && schema.enum === undefined;
      if (schema.type === 'array') return schema.maxItems === undefined;
      if (schema.additionalProperties !== undefined) return schema.maxProperties === undefined;
      return schema.type === 'integer' && (schema.minimum === undefined || schema.maximum === undefined);
    });
    expect(unbounded.map(([path]) => path)).toEqual([]);
  });

  it('use only what a structural schema allows', () => {
    const forbidden = [
      'oneOf',
      'anyOf',
      'allOf',
      'not',
      '$ref',
      'const',
      'nullable',
      'propertyNames',
      'exclusiveMinimum',
    ];
    const found = schemas.flatMap(([path, schema]) =>
      Object.keys(schema)
        .filter((word) => forbidden.includes(word))
        .map((word) => `${path}: ${word}`),
    );
    expect(found).toEqual([]);
    expect(schemas.filter(([, schema]) => schema.type === 'number').map(([path]) => path)).toEqual([]);
    expect(schemas.filter(([, schema]) => schema.type === undefined).map(([path]) => path)).toEqual([]);
  });

  it('[resources:no-boolean-words] have no field and no value that YAML 1.1 reads as a boolean where it stands bare', () => {
    const words = schemas.flatMap(([path, schema]) => [
      ...Object.keys(schema.properties ?? {}).map((name) => [`${path}.${name}`, name] as const),
      ...((schema.enum as string[] | undefined) ?? []).map((value) => [`${path}: ${value}`, value] as const),
    ]);
    expect(words.length).toBeGreaterThan(500);
    expect(words.filter(([, word]) => /^(on|off|yes|no|y|n)$/i.test(word)).map(([at]) => at)).toEqual([]);
  });

  it('say of each list how server-side apply merges it', () => {
    const lists = schemas.filter(([, schema]) => schema.type === 'array');
    expect(lists.filter(([, schema]) => schema['x-kubernetes-list-type'] === undefined).map(([path]) => path)).toEqual(
      [],
    );
  });

  it('carry the CEL rules of each kind', () => {
    const rules = schemas.flatMap(([, schema]) => (schema['x-kubernetes-validations'] as unknown[] | undefined) ?? []);
    expect(rules.length).toBeGreaterThanOrEqual(73);
  });

  it('end the printer columns with Ready, Reason, Message and Age', () => {
    for (const definition of definitions) {
      expect(definition.columns.slice(-4).map(({ name }) => name)).toEqual(['Ready', 'Reason', 'Message', 'Age']);
      expect(definition.conditions.at(-1)).toBe('Ready');
    }
  });

  it('have short names that collide with none of the others', () => {
    const names = definitions.flatMap(({ plural, shortNames, kind }) => [plural, kind.toLowerCase(), ...shortNames]);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('rendered CRDs', () => {
  const root = join(import.meta.dirname, '../../..');

  it('are checked in as rendered', async () => {
    expect(await readFile(join(root, 'deploy/crds.yaml'), 'utf8')).toBe(crdsYaml(definitions));
    for (const definition of definitions) {
      const file = join(root, 'charts/sallyport/templates/crds', `${definition.plural}.yaml`);
      expect(await readFile(file, 'utf8')).toBe(crdTemplate(definition));
    }
  });

  it('have a status subresource and the category sallyport', () => {
    for (const definition of definitions) {
      expect(crdOf(definition)).toMatchObject({
        spec: {
          scope: 'Namespaced',
          names: { categories: ['sallyport'] },
          versions: [{ name: 'v1alpha1', subresources: { status: {} } }],
        },
      });
    }
  });
});
