import { describe, expect, it } from '@jest/globals';
import { parseExact } from '@sallyport/turn';
import type { JsonObject } from '../../catalog/definition.ts';
import { BODY, type BodyPlan, type OperationPlan, type ParameterPlan } from './plan.ts';
import { writeRequest } from './write-request.ts';

const BASE = 'https://api.example/v1';
const plan = (over: Partial<OperationPlan>): OperationPlan => ({
  method: 'GET',
  path: '/a',
  parameters: [],
  accept: 'application/json',
  wraps: false,
  ...over,
});
const at = (place: ParameterPlan['in'], style: string, explode = false, json = false): ParameterPlan => ({
  argument: 'p',
  name: 'p',
  in: place,
  style,
  explode,
  json,
});
const list = ['a b', 'c/d', 'e,f'];
const object = { R: 100, G: '2&0' };

describe('a request of an API', () => {
  it('[openapi:exact-numbers] has numbers that no double holds as they are written, wherever they stand', () => {
    const { n, of } = parseExact(
      '{"n":9007199254740993,"of":{"n":9007199254740993,"l":[1.234567890123456789]}}',
    ) as JsonObject;
    const url = (place: ParameterPlan, value: unknown) =>
      writeRequest(BASE, plan({ path: '/x/{p}', parameters: [at('path', 'simple'), { ...place, argument: 'q' }] }), {
        p: n,
        q: value,
      } as JsonObject).url.href;
    expect(url(at('query', 'form', true), n)).toBe(`${BASE}/x/9007199254740993?p=9007199254740993`);
    expect(url(at('query', 'form', false), [n])).toContain('?p=9007199254740993');
    expect(url(at('query', 'deepObject', true), of)).toContain(
      '%5Bn%5D=9007199254740993&p%5Bl%5D%5B%5D=1.234567890123456789',
    );
    const bodyOf = (kind: BodyPlan['kind']) => {
      const body = { mediaType: 'x/y', kind, styles: {}, files: [] } as unknown as BodyPlan;
      return String(writeRequest(BASE, plan({ method: 'POST', body }), { [BODY]: of } as JsonObject).body);
    };
    expect(bodyOf('json')).toBe('{"n":9007199254740993,"l":[1.234567890123456789]}');
    expect(bodyOf('form' as never)).toBe('n=9007199254740993&l=1.234567890123456789');
    expect(bodyOf('multipart')).toContain('content-type: text/plain\r\n\r\n9007199254740993\r\n');
  });

  // OpenAPI 3.1 §4.8.12.4, with values that need encoding.
  it.each<[string, boolean, unknown, string]>([
    ['form', true, list, '?p=a%20b&p=c%2Fd&p=e%2Cf'],
    ['form', false, list, '?p=a%20b,c%2Fd,e%2Cf'],
    ['form', true, object, '?R=100&G=2%260'],
    ['form', false, object, '?p=R,100,G,2%260'],
    ['form', true, '', '?p='],
    ['form', true, true, '?p=true'],
    ['spaceDelimited', false, ['a', 'b'], '?p=a%20b'],
    ['pipeDelimited', false, ['a', 'b'], '?p=a%7Cb'],
    ['deepObject', true, object, '?p%5BR%5D=100&p%5BG%5D=2%260'],
    ['deepObject', true, { a: { b: [1, 2] } }, '?p%5Ba%5D%5Bb%5D%5B%5D=1&p%5Ba%5D%5Bb%5D%5B%5D=2'],
  ])('[openapi:styles] writes a query of style %s, exploded %s: %j', (style, explode, value, search) => {
    const { url } = writeRequest(BASE, plan({ parameters: [at('query', style, explode)] }), { p: value } as JsonObject);
    expect(url.href).toBe(`${BASE}/a${search}`);
  });

  it.each<[string, boolean, unknown, string]>([
    ['simple', false, 'blue', '/x/blue'],
    ['simple', false, list, '/x/a%20b,c%2Fd,e%2Cf'],
    ['simple', true, object, '/x/R=100,G=2%260'],
    ['simple', false, object, '/x/R,100,G,2%260'],
    ['label', false, ['a', 'b'], '/x/.a,b'],
    ['label', true, ['a', 'b'], '/x/.a.b'],
    ['matrix', false, ['a', 'b'], '/x/;p=a,b'],
    ['matrix', true, ['a', 'b'], '/x/;p=a;p=b'],
    ['matrix', true, { a: 1, b: 2 }, '/x/;a=1;b=2'],
    ['simple', false, '$& {q}', '/x/%24%26%20%7Bq%7D'],
  ])('[openapi:styles] writes a path of style %s, exploded %s: %j', (style, explode, value, path) => {
    const one = plan({ path: '/x/{p}', parameters: [at('path', style, explode)] });
    expect(writeRequest(BASE, one, { p: value } as JsonObject).url.href).toBe(BASE + path);
  });

  it.each([
    ...['..', '.', '', '../admin', 'a/../../b', 'a\\..\\b', '%2e%2e', '%2e%2e%2fadmin', '..%2fadmin', '..%5cadmin'],
    ...['a\nb', 'a\u0000b', 'a%0d%0ab', '\u007f', '\ud800'],
  ])('[openapi:path-stays] never lets a path parameter lead elsewhere: %j', (value) => {
    const one = plan({ path: '/users/{p}/mail', parameters: [at('path', 'simple')] });
    expect(() => writeRequest(BASE, one, { p: value })).toThrow(/path parameter|Unicode/);
    expect(() => writeRequest(BASE, one, { p: [value] })).toThrow(/path parameter|Unicode/);
  });

  it('[openapi:path-stays] never changes the host, nor makes dots of two parameters', () => {
    const first = plan({ path: '/{p}', parameters: [at('path', 'simple')] });
    for (const value of ['/evil.example', '@evil.example', ':80@evil.example/', 'https://evil.example/']) {
      expect(writeRequest('https://api.example', first, { p: value }).url.host).toBe('api.example');
    }
    const both = [at('path', 'simple'), { ...at('path', 'simple'), argument: 'q', name: 'q' }];
    expect(() => writeRequest(BASE, plan({ path: '/x/{p}{q}', parameters: both }), { p: 'a', q: '' })).toThrow('empty');
    expect(() =>
      writeRequest(BASE, plan({ path: '/x/.{p}', parameters: [at('path', 'simple')] }), { p: '.' }),
    ).toThrow();
  });

  it('[openapi:headers] writes headers and cookies, and no line of its own into them', () => {
    const parameters = [at('header', 'simple', true), { ...at('cookie', 'form'), argument: 'c', name: 'c' }];
    const { headers } = writeRequest(BASE, plan({ parameters }), { p: { a: 1, b: 2 }, c: 'x; y=z' });
    expect(headers).toEqual({ accept: 'application/json', p: 'a=1,b=2', cookie: 'c=x%3B%20y%3Dz' });
    for (const bad of ['a\r\nb: c', 'é', '\u0000']) {
      expect(() => writeRequest(BASE, plan({ parameters }), { p: bad })).toThrow('header');
    }
  });

  it('writes a value as JSON where the document says so', () => {
    const { url } = writeRequest(BASE, plan({ parameters: [at('query', 'form', true, true)] }), { p: { a: [1] } });
    expect(url.searchParams.get('p')).toBe('{"a":[1]}');
  });

  const body = (over: Partial<BodyPlan>) =>
    plan({ method: 'POST', body: { mediaType: 'application/json', kind: 'json', files: [], styles: {}, ...over } });
  it('[openapi:bodies] writes bodies of JSON, forms, texts and bytes', () => {
    const write = (over: Partial<BodyPlan>, value: unknown) =>
      writeRequest(BASE, body(over), { body: value } as JsonObject);
    expect(write({}, { a: [1] })).toMatchObject({ body: '{"a":[1]}', headers: { 'content-type': 'application/json' } });
    const form = { mediaType: 'application/x-www-form-urlencoded', kind: 'form' as const };
    expect(write(form, { a: 'b c', d: [1, 2], e: { f: 1 }, g: null })).toMatchObject({
      body: 'a=b+c&d=1&d=2&e=%7B%22f%22%3A1%7D',
    });
    expect(write({ ...form, styles: { e: { style: 'deepObject', explode: true } } }, { e: { f: 1 } }).body).toBe(
      'e%5Bf%5D=1',
    );
    expect(write({ mediaType: 'text/plain', kind: 'text' }, 'hé').body).toBe('hé');
    expect(write({ mediaType: 'image/png', kind: 'binary' }, 'AAEC').body).toEqual(Buffer.from([0, 1, 2]));
    expect(() => write({ mediaType: 'image/png', kind: 'binary' }, '!')).toThrow('base64');
    expect(() => write(form, [1])).toThrow('object');
  });

  it('[openapi:bodies] writes parts that no name or value can break out of', async () => {
    const value = { file: 'AAEC', 'a"\r\nx: y': '--x\r\n', meta: { a: 1 }, tags: ['x', 'y'] };
    const { body: bytes, headers } = writeRequest(
      BASE,
      body({ mediaType: 'multipart/form-data', kind: 'multipart', files: ['file'] }),
      { body: value },
    );
    const form = await new Response(new Uint8Array(bytes as Buffer), { headers }).formData();
    expect([...form.keys()]).toEqual(['file', 'a"\r\nx: y', 'meta', 'tags', 'tags']);
    expect(Buffer.from(await (form.get('file') as File).arrayBuffer())).toEqual(Buffer.from([0, 1, 2]));
    expect(form.get('meta')).toBe('{"a":1}');
  });
});
