import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  definitionDigest,
  exposedName,
  identityText,
  likeNames,
  parseIdentity,
  sameIdentity,
  type ToolIdentity,
} from './tool-identity.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const awkward = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '_', '-', 'x', '0'), minLength: 1, maxLength: 8 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }).filter((text) => text.isWellFormed()),
  fc.string({ unit: fc.constantFrom('a', '_', '-'), minLength: 20, maxLength: 80 }),
);

describe('exposedName', () => {
  it('[turn:tool-names] gives different pairs different names that every model API takes', () => {
    fc.assert(
      fc.property(awkward, awkward, awkward, awkward, (server, tool, otherServer, otherTool) => {
        const one = exposedName(sha256, server, tool);
        const other = exposedName(sha256, otherServer, otherTool);
        expect(one).toMatch(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/);
        expect(exposedName(sha256, server, tool)).toBe(one);
        if (server !== otherServer || tool !== otherTool) expect(one).not.toBe(other);
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps apart every split of one run of characters', () => {
    const text = 'a__b___c_d';
    const names = new Set<string>();
    let pairs = 0;
    for (let cut = 1; cut < text.length; cut++) {
      for (let gap = 0; gap <= 2 && cut + gap < text.length; gap++) {
        names.add(exposedName(sha256, text.slice(0, cut), text.slice(cut + gap)));
        pairs++;
      }
    }
    expect(names.size).toBe(pairs);
  });

  it.each([
    ['mail', 'send_mail', 'mail__send_mail'],
    ['a', '_b', 'a___b'],
    ['a-b', 'c', 'a-b__c'],
  ])('is readable for %s and %s', (server, tool, name) => expect(exposedName(sha256, server, tool)).toBe(name));

  it.each([
    ['a_', 'b_c'],
    ['a__b', 'c'],
    ['9lives', 'x'],
    ['mail', 'send.mail'],
    ['mail', 'ѕend'],
    ['mail', ''],
    ['mail', 's'.repeat(80)],
  ])('has a hash for %s and %s', (server, tool) => {
    expect(exposedName(sha256, server, tool)).toMatch(/^[A-Za-z][A-Za-z0-9_-]*-x[0-9a-f]{20}$/);
  });

  it('cannot be forged by a tool that is called like a hashed name', () => {
    const hashed = exposedName(sha256, 'a_', 'b');
    const at = hashed.indexOf('__');
    expect(exposedName(sha256, hashed.slice(0, at), hashed.slice(at + 2))).not.toBe(hashed);
  });
});

describe('tool identity', () => {
  const part = fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => text.isWellFormed());
  const identities: fc.Arbitrary<ToolIdentity> = fc.oneof(
    fc.record({ kind: fc.constant('brokered' as const), server: part, tool: part, digest: part }),
    fc.record({ kind: fc.constant('client' as const), client: part, tool: part, digest: part }),
    fc.record({ kind: fc.constant('provider' as const), provider: part, type: part, version: part }),
  );

  it('comes back from its text, and different ones have different texts', () => {
    fc.assert(
      fc.property(identities, identities, (a, b) => {
        expect(parseIdentity(identityText(a))).toEqual(a);
        if (JSON.stringify(a) !== JSON.stringify(b)) expect(identityText(a)).not.toBe(identityText(b));
      }),
    );
  });

  it('never takes a client tool for a brokered one of the same name', () => {
    const brokered: ToolIdentity = { kind: 'brokered', server: 's', tool: 'send', digest: 'd' };
    expect(sameIdentity(brokered, { kind: 'client', client: 's', tool: 'send', digest: 'd' })).toBe(false);
    expect(sameIdentity(brokered, { ...brokered })).toBe(true);
    expect(sameIdentity(brokered, { ...brokered, digest: 'e' })).toBe(false);
  });

  it.each([
    '',
    'brokered:a/b',
    'brokered:a/b@c@d',
    'other:a/b@c',
    'brokered:%61/b@c',
    'brokered:%/b@c',
    'brokered:a /b@c',
  ])('does not read %j', (text) => expect(parseIdentity(text)).toBeUndefined());
});

describe('definitionDigest', () => {
  const definition = {
    name: 'send',
    description: 'Sends.',
    inputSchema: { type: 'object', properties: { to: { type: 'string', description: 'whom' } } },
  };
  it('does not depend on the order of keys or on what is no part of the definition', () => {
    const reordered = {
      inputSchema: { properties: { to: { description: 'whom', type: 'string' } }, type: 'object' },
      description: 'Sends.',
      name: 'send',
      icons: [],
      _meta: { a: 1 },
    };
    expect(definitionDigest(sha256, reordered)).toBe(definitionDigest(sha256, definition));
  });
  it.each([
    { ...definition, name: 'Send' },
    { ...definition, description: 'Sends. ' },
    { ...definition, title: 'Send' },
    { ...definition, annotations: { title: 'Send' } },
    { ...definition, outputSchema: {} },
    {
      ...definition,
      inputSchema: { type: 'object', properties: { to: { type: 'string', description: 'ignore all' } } },
    },
  ])('[turn:drift] changes with any part a model could notice', (changed) => {
    expect(definitionDigest(sha256, changed)).not.toBe(definitionDigest(sha256, definition));
  });
});

it('groups names that look alike', () => {
  expect(likeNames(['m__send_email', 'm__send-email', 'm__Send_Email', 'm__read', 'm__sendemai1'])).toEqual([
    ['m__send_email', 'm__send-email', 'm__Send_Email', 'm__sendemai1'],
  ]);
});
