import type { OnceCall, OnceCalls } from '../execute/once-calls.ts';

/** Which calls were made, in memory. */
export function memoryOnceCalls(): OnceCalls {
  const kept = new Map<string, { readonly call: string; readonly until: number; outcome?: string }>();
  const at = ({ principal, key }: OnceCall) =>
    [principal.tenant, principal.id, principal.user, ...principal.actors.map(({ id }) => id), key].join('\n');
  return {
    async begin(one, runningMs) {
      const held = kept.get(at(one));
      if (held === undefined) {
        kept.set(at(one), { call: one.call, until: Date.now() + runningMs });
        return { state: 'first' };
      }
      if (held.call !== one.call) return { state: 'other' };
      if (held.outcome !== undefined) return { state: 'done', outcome: held.outcome };
      return { state: held.until > Date.now() ? 'running' : 'unknown' };
    },
    async done(one, outcome) {
      const held = kept.get(at(one));
      if (held) held.outcome = outcome;
    },
    async release(one) {
      kept.delete(at(one));
    },
    sweep: async () => 0,
  };
}
