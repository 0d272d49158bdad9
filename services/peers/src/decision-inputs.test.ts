import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { Principal_Kind, PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { decisionBasis } from './decision-inputs.ts';

const TRUSTED = { trusted: true, sources: [], public: true, audience: [] };
const MAIL = { trusted: false, sources: ['tool:mail/read'], public: false, audience: ['user:u'] };

describe('what is recorded of a decision on a call', () => {
  it('[cli:policy-replay] is all that it was made of, with each label once', () => {
    const principal = create(PrincipalSchema, { tenant: 't', kind: Principal_Kind.KEY, id: 'key:1', user: 'u' });
    const origins = ['/a', '/b', '/c'].map((pointer) => ({
      pointer,
      origin: 'handle',
      from: 'mail/read',
      label: MAIL,
    }));
    const basis = decisionBasis(
      {
        tool: { kind: ToolRef_Kind.BROKERED, server: 'mail', name: 'send' },
        origins: [
          { pointer: '/to', origin: 'typed', label: TRUSTED },
          ...origins,
          { pointer: '/x', origin: 'composed' },
        ],
      },
      { principal, context: TRUSTED },
      { toolClass: 'egress', endorsed: ['/a'], tainted: [{ pointer: '/x', source: 'tool:mail/read' } as never] },
    );
    expect(basis).toEqual({
      principal: { kind: Principal_Kind.KEY, id: 'key:1', user: 'u' },
      tool: { kind: ToolRef_Kind.BROKERED, server: 'mail', name: 'send', class: 'egress' },
      origins: [
        { pointer: '/to', origin: 'typed', label: 0 },
        ...['/a', '/b', '/c'].map((pointer) => ({ pointer, origin: 'handle', from: 'mail/read', label: 1 })),
        { pointer: '/x', origin: 'composed' },
      ],
      labels: [
        { trusted: true, sources: [] },
        { trusted: false, sources: ['tool:mail/read'], audience: ['user:u'] },
      ],
      endorsed: ['/a'],
      tainted: { '/x': 'tool:mail/read' },
    });
  });
});
