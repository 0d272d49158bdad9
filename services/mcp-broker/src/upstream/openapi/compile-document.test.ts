import { describe, expect, it } from '@jest/globals';
import { readDefinition } from '../../catalog/definition.ts';
import { sha256 } from '../../digests.ts';
import { compileApart } from './compile-apart.ts';
import { compileDocument } from './compile-document.ts';

const operation = (more: object = {}) => ({ responses: { '200': { description: 'well' } }, ...more });
const compile = (paths: object, more: object = {}, picked: object = {}, reserved: string[] = []) =>
  compileDocument({
    text: JSON.stringify({ openapi: '3.0.3', info: { title: 'a', version: '1' }, paths, ...more }),
    picked,
    reserved,
  });
const toolOf = (paths: object, more: object = {}) => compile(paths, more).tools[0];
const json = (schema: object) => ({ 'application/json': { schema } });

describe('tools of an OpenAPI document', () => {
  it('[openapi:names] are called by operationId, else by method and path, and never by the same name twice', () => {
    const paths = {
      '/users/{id}': {
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
        get: operation({ operationId: 'users/get by id' }),
        delete: operation(),
      },
      '/a': { get: operation({ operationId: 'same' }) },
      '/b': { get: operation({ operationId: 'same' }) },
    };
    const names = compile(paths).tools.map(({ tool }) => tool.name);
    expect(names).toEqual([
      'users_get_by_id',
      'delete_users_id',
      expect.stringMatching(/^same_[0-9a-f]{6}$/),
      names[3],
    ]);
    expect(new Set(names).size).toBe(4);
    const turned = Object.fromEntries(Object.entries(paths).reverse());
    expect(new Set(compile(turned).tools.map(({ tool }) => tool.name))).toEqual(new Set(names));
  });

  it('[openapi:picked] are those that are picked by id, tag and method', () => {
    const paths = {
      '/a': { get: operation({ operationId: 'a.get', tags: ['x'] }), post: operation({ operationId: 'a.post' }) },
      '/b': { get: operation({ operationId: 'b.get' }) },
    };
    const names = (picked: object) => compile(paths, {}, picked).tools.map(({ tool }) => tool.name);
    expect(names({ ids: ['a.*'] })).toEqual(['a.get', 'a.post']);
    expect(names({ tags: ['x'] })).toEqual(['a.get']);
    expect(names({ methods: ['GET'], ids: ['*'] })).toEqual(['a.get', 'b.get']);
  });

  it('take parameters of path, query, header and cookie, and a body', () => {
    const found = toolOf(
      {
        '/users/{id}': {
          parameters: [{ $ref: '#/components/parameters/Id' }],
          put: operation({
            parameters: [
              { name: 'filter[name]', in: 'query', schema: { type: 'string', nullable: true }, description: 'A name.' },
              { name: 'id', in: 'query', schema: { type: 'integer', minimum: 0, exclusiveMinimum: true } },
              { name: 'X-Team', in: 'header', schema: { type: 'string' } },
              { name: 'Authorization', in: 'header', schema: { type: 'string' } },
              { name: 'Host', in: 'header', schema: { type: 'string' } },
              { name: 'seen', in: 'cookie', schema: { type: 'boolean' } },
            ],
            requestBody: { required: true, content: json({ $ref: '#/components/schemas/User' }) },
          }),
        },
      },
      {
        components: {
          parameters: { Id: { name: 'id', in: 'path', required: true, schema: { type: 'string' } } },
          schemas: {
            User: {
              type: 'object',
              required: ['id', 'name'],
              properties: {
                id: { type: 'string', readOnly: true },
                name: { type: 'string', 'x-internal': true, example: 'Ann' },
                boss: { $ref: '#/components/schemas/User' },
              },
            },
          },
        },
      },
    );
    expect(found?.tool).toMatchObject({
      name: 'put_users_id',
      inputSchema: {
        type: 'object',
        properties: {
          id: { type: 'string' },
          filter_name: { type: ['string', 'null'], description: 'A name.' },
          query_id: { type: 'integer', exclusiveMinimum: 0 },
          'X-Team': { type: 'string' },
          seen: { type: 'boolean' },
          body: { $ref: '#/$defs/User' },
        },
        required: ['id', 'body'],
        additionalProperties: false,
        $defs: {
          User: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string' }, boss: { $ref: '#/$defs/User' } },
          },
        },
      },
      annotations: { readOnlyHint: false, idempotentHint: true, 'sallyport.dev/operation': 'PUT /users/{id}' },
    });
    expect(Object.keys((found?.tool.inputSchema.properties ?? {}) as object)).toHaveLength(6);
    expect(readDefinition(sha256, found?.tool)).toMatchObject({ name: 'put_users_id' });
  });

  it('say by their hints what the method says', () => {
    const paths = { '/a': { get: operation(), post: operation(), delete: operation(), patch: operation() } };
    expect(compile(paths).tools.map(({ tool }) => tool.annotations)).toMatchObject([
      { readOnlyHint: true, idempotentHint: true },
      { readOnlyHint: false, idempotentHint: false, destructiveHint: false },
      { readOnlyHint: false, idempotentHint: true, destructiveHint: true },
      { readOnlyHint: false, idempotentHint: false, destructiveHint: true },
    ]);
  });

  it('have the schema of their answer where every good answer has it; what is no object stands under result', () => {
    const answers = (responses: object) =>
      toolOf({ '/a': { get: { responses } } }, { components: { schemas: { A: { type: 'object' } } } })?.tool
        .outputSchema;
    const of = (schema: object) => ({ description: '', content: json(schema) });
    expect(answers({ '200': of({ $ref: '#/components/schemas/A' }), default: of({}) })).toEqual({
      $ref: '#/$defs/A',
      type: 'object',
      $defs: { A: { type: 'object' } },
    });
    expect(answers({ '200': of({ type: 'array', items: { type: 'string' } }) })).toEqual({
      properties: { result: { type: 'array', items: { type: 'string' } } },
      required: ['result'],
      type: 'object',
    });
    expect(answers({ '200': of({ type: 'object' }), '204': { description: '' } })).toBeUndefined();
    expect(answers({ '404': of({ type: 'object' }) })).toBeUndefined();
  });

  it('[openapi:drift] change with the request that they make, though their schemas stay the same', () => {
    const digest = (path: string, style = 'form') => {
      const parameters = [{ name: 'q', in: 'query', style, schema: { type: 'array', items: {} } }];
      const found = readDefinition(
        sha256,
        toolOf({ [path]: { get: operation({ operationId: 'x', parameters }) } })?.tool,
      );
      return typeof found === 'string' ? found : found.digest;
    };
    expect(digest('/a')).toBe(digest('/a'));
    expect(new Set([digest('/a'), digest('/admin'), digest('/a', 'pipeDelimited')]).size).toBe(3);
  });

  it('are made of Swagger 2.0 and of YAML as well', () => {
    const text = `
swagger: '2.0'
info: { title: a, version: '1' }
paths:
  /a:
    post:
      operationId: add
      parameters:
        - { name: body, in: body, required: true, schema: { type: object, properties: { n: { type: integer } } } }
      responses: { 200: { description: well } }
`;
    const { tools } = compileDocument({ text, picked: {}, reserved: [] });
    expect(tools[0]?.tool).toMatchObject({
      name: 'add',
      inputSchema: {
        properties: { body: { type: 'object', properties: { n: { type: 'integer' } } } },
        required: ['body'],
      },
    });
  });

  it('leave the place of the credential alone', () => {
    const parameters = [
      { name: 'key', in: 'query', schema: { type: 'string' } },
      { name: 'X-Key', in: 'header', schema: { type: 'string' } },
    ];
    const { tools } = compile({ '/a': { get: operation({ parameters }) } }, {}, {}, ['query key', 'header x-key']);
    expect(tools[0]?.tool.inputSchema.properties).toEqual({});
  });
});

describe('bad documents', () => {
  it.each<[string, string, string]>([
    ['no JSON', '{"a":', 'not valid JSON'],
    ['no OpenAPI', '{"a":1}', 'does not say that it is OpenAPI'],
    ['another version', '{"openapi":"4.0.0","paths":{}}', 'does not say that it is OpenAPI'],
    ['no paths', '{"openapi":"3.1.0"}', 'no paths'],
    ['ten megabytes', `{"openapi":"3.1.0","paths":{},"x":"${'x'.repeat(10_000_000)}"}`, 'larger than'],
    ['much YAML', `openapi: 3.1.0\nx: ${'x'.repeat(1_100_000)}`, 'YAML larger than'],
    ['depth', `{"openapi":"3.1.0","paths":{},"x":${'['.repeat(5_000)}${']'.repeat(5_000)}}`, 'deeper than'],
    ['a __proto__', '{"openapi":"3.1.0","paths":{},"x":{"__proto__":{}}}', '__proto__'],
    [
      'a bomb of aliases',
      `openapi: 3.1.0\nx0: &x0 [a,a]\n${Array.from({ length: 30 }, (_, i) => `x${i + 1}: &x${i + 1} [*x${i},*x${i},*x${i}]`).join('\n')}\npaths: {}`,
      'aliases multiply',
    ],
  ])('[openapi:bad-document] are refused with the reason: %s', (_name, text, reason) => {
    expect(() => compileDocument({ text, picked: {}, reserved: [] })).toThrow(reason);
  });

  it.each<[string, object, object, string]>([
    [
      'a reference to another place',
      { content: json({ $ref: 'https://evil.example/s.json' }) },
      {},
      'out of the document',
    ],
    ['a reference to a file', { content: json({ $ref: 'other.yaml#/a' }) }, {}, 'out of the document'],
    ['a reference to nowhere', { content: json({ $ref: '#/components/schemas/None' }) }, {}, 'leads nowhere'],
    [
      'a circle of bodies',
      { $ref: '#/components/requestBodies/A' },
      { requestBodies: { A: { $ref: '#/components/requestBodies/A' } } },
      'in circles',
    ],
    [
      'a body that nobody can write',
      { required: true, content: { 'application/x-protobuf': {} } },
      {},
      'application/x-protobuf',
    ],
    [
      'a body of a type that hides something',
      { required: true, content: { 'application/x\u200b\n': {} } },
      {},
      'of type application/x?',
    ],
  ])(
    '[openapi:bad-operation] leave out an operation with %s, and no other',
    (_name, requestBody, components, reason) => {
      const paths = { '/a': { post: operation({ requestBody }) }, '/b': { get: operation({ operationId: 'well' }) } };
      const { tools, unusable } = compile(paths, { components });
      expect(tools.map(({ tool }) => tool.name)).toEqual(['well']);
      expect(unusable).toEqual([{ name: 'post_a', reason: expect.stringContaining(reason) }]);
    },
  );

  it.each(['/../admin', '//evil.example/x', '/a?b=c', '/a#b', '/%2e%2e/x', '/a\\b'])(
    '[openapi:bad-operation] leave out the path %s',
    (path) => {
      expect(compile({ [path]: { get: operation() } })).toMatchObject({
        tools: [],
        unusable: [{ reason: 'its path is no path' }],
      });
    },
  );

  it('[openapi:ref-bomb] do not grow: references that fan out stay references', () => {
    const schemas: Record<string, object> = { d0: { type: 'string' } };
    for (let i = 1; i < 40; i++) {
      const $ref = `#/components/schemas/d${i - 1}`;
      schemas[`d${i}`] = { type: 'object', properties: { a: { $ref }, b: { $ref }, c: { $ref } } };
    }
    const requestBody = { content: json({ $ref: '#/components/schemas/d39' }) };
    const { tools } = compile({ '/a': { post: operation({ requestBody }) } }, { components: { schemas } });
    expect(JSON.stringify(tools).length).toBeLessThan(10_000);
    expect(Object.keys(tools[0]?.tool.inputSchema.$defs as object)).toHaveLength(40);
  });

  it('[openapi:apart] are read in a thread of their own, which says why', async () => {
    const { signal } = new AbortController();
    const good = JSON.stringify({ openapi: '3.1.0', paths: { '/a': { get: operation() } } });
    const { tools } = await compileApart({ text: good, picked: {}, reserved: [] }, signal);
    expect(tools).toHaveLength(1);
    const bad = compileApart({ text: '{}', picked: {}, reserved: [] }, signal);
    await expect(bad).rejects.toMatchObject({
      code: 'upstream_invalid',
      message: expect.stringContaining('OpenAPI 3.0'),
    });
  });
});
