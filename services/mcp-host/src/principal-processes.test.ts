import { describe, expect, it } from '@jest/globals';
import type { HostedServer } from './host.ts';
import { principalProcesses } from './principal-processes.ts';
import { nodeServer } from './testing/suite.ts';

const server: HostedServer = {
  ...{ tenant: 'acme', name: 'own', uid: 'own', generation: 1, contentHash: '' },
  spec: nodeServer([], { isolation: 'PerPrincipal', idleMinutes: 5, maxPrincipals: 3 }),
};
const principal = (letter: string) => ({ id: letter.repeat(64), secretKey: letter, subjects: [`user:${letter}`] });
const MINUTE = 60_000;

function processes(maxPerTenant = 10) {
  const ended: string[] = [];
  const kept = principalProcesses({
    maxPerTenant,
    async end({ principal: whose }, reason) {
      ended.push(`${whose?.secretKey}: ${reason}`);
    },
  });
  return { ended, kept };
}

describe('the processes of principals', () => {
  it('[hosted:per-principal] end when they were idle, counted from the last call, and never while one is under way', () => {
    const { ended, kept } = processes();
    const calling = kept.enter(server, principal('a'), true);
    kept.enter(server, principal('b'), true).leave();
    kept.sweep(Date.now() + 4 * MINUTE);
    expect(ended).toEqual([]);
    kept.sweep(Date.now() + 6 * MINUTE);
    expect(ended).toEqual(['b: it was idle']);
    calling.leave();
    kept.sweep(Date.now() + 6 * MINUTE);
    expect(ended).toEqual(['b: it was idle', 'a: it was idle']);
  });

  it('[hosted:per-principal] are no more than a server and a namespace may have', () => {
    const { kept } = processes(4);
    for (const letter of 'abc') kept.enter(server, principal(letter), true);
    expect(() => kept.enter(server, principal('d'), true)).toThrow('tool server as may: 3');
    kept.enter({ ...server, uid: 'other' }, principal('d'), true);
    expect(() => kept.enter({ ...server, uid: 'other' }, principal('e'), true)).toThrow('namespace as may: 4');
    // Who has one already is not counted again.
    expect(() => kept.enter(server, principal('a'), true)).not.toThrow();
  });

  it('[hosted:per-principal] are not shared by two whose hashes begin alike', () => {
    const { kept } = processes();
    kept.enter(server, principal('a'), true);
    const alike = { ...principal('a'), id: `${'a'.repeat(16)}${'b'.repeat(48)}` };
    expect(() => kept.enter(server, alike, true)).toThrow('taken');
  });

  it('[hosted:per-principal] end when any of their subjects is revoked in their namespace', () => {
    const { ended, kept } = processes();
    kept.enter(server, principal('a'), true);
    kept.enter(server, principal('b'), true);
    kept.revoke('globex', ['user:a']);
    kept.revoke('acme', ['user:c']);
    expect(ended).toEqual([]);
    kept.revoke('acme', ['user:a']);
    expect(ended).toEqual(['a: its principal was revoked']);
    kept.endOf(server, 'gone');
    expect(ended).toHaveLength(2);
  });
});
