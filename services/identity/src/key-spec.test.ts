import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { KeySpecSchema } from '@sallyport/proto/identity/v1/identity_pb';
import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { checkedSpec } from './key-spec.ts';

const spec = (init: MessageInitShape<typeof KeySpecSchema>) => create(KeySpecSchema, { name: 'agent', ...init });

describe('checkedSpec', () => {
  it('spells out the member role', () => {
    expect(checkedSpec(spec({})).role).toBe(Principal_Role.MEMBER);
  });

  it.each<[string, MessageInitShape<typeof KeySpecSchema>]>([
    ['/name', { name: '' }],
    ['/name', { name: 'Not A Name' }],
    ['/owner', { owner: 'x'.repeat(257) }],
    ['/teams/1', { teams: ['a', ''] }],
    ['/tags/0', { tags: ['line\nbreak'] }],
    ['/models', { models: Array.from({ length: 257 }, (_, index) => `m${index}`) }],
    ['/mayAssert/0', { mayAssert: ['role'] }],
    ['/networks/1', { networks: ['10.0.0.0/8', '10.0.0.1'] }],
    ['/networks/0', { networks: ['10.0.0.0/33'] }],
    ['/metadata', { metadata: { '': 'x' } }],
    ['/metadata/a', { metadata: { a: 'x'.repeat(257) } }],
    ['/origin', { origin: 'god' }],
    ['/role', { role: 9 as Principal_Role }],
    ['/expiresAt', { expiresAtMs: Number.NaN }],
    ['/expiresAt', { expiresAtMs: -1 }],
  ])('names %s as the fault of %j', (path, init) => {
    expect(() => checkedSpec(spec(init))).toThrow(
      expect.objectContaining({ code: 'invalid_request', details: { path } }),
    );
  });

  it('refuses a missing spec', () => {
    expect(() => checkedSpec(undefined)).toThrow('is missing');
  });
});
