import { MOST, type SubscriptionStore } from '../offerings/subscription-store.ts';

/** What sessions are subscribed to, in memory; several brokers of a test may share it. */
export function memorySubscriptions(): SubscriptionStore {
  const kept = new Map<string, { readonly tenant: string; readonly principalId: string; readonly uris: Set<string> }>();
  const count = (fits: (one: { tenant: string; principalId: string }) => boolean) =>
    [...kept.values()].filter(fits).reduce((sum, { uris }) => sum + uris.size, 0);
  return {
    async add({ tenant, principalId, session }, uri) {
      const own = kept.get(session) ?? { tenant, principalId, uris: new Set() };
      const full =
        own.uris.size >= MOST.session ||
        count((one) => one.tenant === tenant && one.principalId === principalId) >= MOST.principal ||
        count((one) => one.tenant === tenant) >= MOST.tenant;
      if (full) return false;
      own.uris.add(uri);
      kept.set(session, own);
      return true;
    },
    async remove({ session }, uri) {
      kept.get(session)?.uris.delete(uri);
    },
    async end({ session }) {
      kept.delete(session);
    },
    of: async (_tenant, sessions) =>
      new Map(
        sessions.flatMap((session) => (kept.has(session) ? [[session, [...(kept.get(session)?.uris ?? [])]]] : [])),
      ),
    sweep: async () => 0,
  };
}
