import { describe, expect, it } from '@jest/globals';
import { serviceAccountOf } from './service-account.ts';

const SUB = 'system:serviceaccount:acme:agent';
const beside = (namespace: unknown, name: unknown) => ({ 'kubernetes.io': { namespace, serviceaccount: { name } } });

describe('serviceAccountOf', () => {
  it.each<[string, object, object | undefined]>([
    ['an account', { sub: SUB }, { namespace: 'acme', name: 'agent' }],
    ['an account with dots', { sub: `${SUB}.v2` }, { namespace: 'acme', name: 'agent.v2' }],
    [
      'what the API server says beside it',
      { sub: SUB, ...beside('acme', 'agent') },
      { namespace: 'acme', name: 'agent' },
    ],
    ['another namespace beside it', { sub: SUB, ...beside('globex', 'agent') }, undefined],
    ['another account beside it', { sub: SUB, ...beside('acme', 'admin') }, undefined],
    ['nothing beside it', { sub: SUB, 'kubernetes.io': null }, undefined],
    ['a text beside it', { sub: SUB, 'kubernetes.io': 'acme' }, undefined],
    ['a user', { sub: 'system:admin' }, undefined],
    ['a node', { sub: 'system:node:n1' }, undefined],
    ['no name', { sub: 'system:serviceaccount:acme:' }, undefined],
    ['a part more', { sub: `${SUB}:x` }, undefined],
    ['upper case', { sub: 'system:serviceaccount:Acme:agent' }, undefined],
    ['a slash', { sub: 'system:serviceaccount:acme:a/b' }, undefined],
    ['a line end', { sub: `${SUB}\n` }, undefined],
    ['something before it', { sub: `x${SUB}` }, undefined],
    ['no subject', {}, undefined],
    ['a list', { sub: [SUB, SUB] }, undefined],
  ])('[tokens:service-account] of %s', (_, claims, expected) => {
    expect(serviceAccountOf(claims as never)).toEqual(expected);
  });
});
