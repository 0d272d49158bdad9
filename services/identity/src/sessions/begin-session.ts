import { hostCookie, hostCookieLine, PERSON_COOKIE } from '@sallyport/chassis/pages/cookie';
import { cookieOf } from '@sallyport/chassis/pages/form';
import type { AdminRecords } from '../admin-records.ts';
import type { Person } from '../directory/person.ts';
import { accountOf } from '../oauth/account.ts';
import { SESSION_SECONDS, type SessionStore } from './session-store.ts';

/**
 * Begins sessions for who comes back from a provider, recorded; what the browser held before ends, so that nothing that
 * was planted in it lives on.
 */
export function beginningSessions(options: {
  readonly sessions: Pick<SessionStore, 'begin' | 'look' | 'end'>;
  readonly records: AdminRecords;
  readonly secure: boolean;
}): (person: Person, provider: string, cookie: string | undefined) => Promise<string> {
  const { sessions, records, secure } = options;
  return async (person, provider, cookie) => {
    const held = cookieOf(cookie, hostCookie(PERSON_COOKIE, secure));
    const before = held === undefined ? undefined : await sessions.look(held);
    const by = accountOf(person.name);
    if (before !== undefined) {
      const { tenant, name } = before.person;
      await sessions.end(tenant, name, before.id, { reason: 'signed in anew', by: accountOf(name) });
    }
    const { id, value } = await sessions.begin(person, provider);
    const target = { session: id, provider };
    await records.add(person.tenant, { action: 'sessions.begin', by, user: person.name, target });
    return hostCookieLine(PERSON_COOKIE, value, SESSION_SECONDS, secure);
  };
}
