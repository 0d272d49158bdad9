import { expect } from '@jest/globals';
import { httpClient } from './http-client.ts';
import type { Flow, OAuthHouse } from './oauth-house.ts';
import { eventually } from './suite.ts';

/** Something that is under way when a service is killed, and what must hold of it after. */
export interface KilledFlow {
  /** Does it, and never rejects: whoever was cut off knows nothing of how it ended. `round` tells one from another. */
  begin(round: string): () => Promise<void>;
}

/** People who sign in with an application at once: a code of ours is taken once, whoever was told that it was. */
export function signingIn(house: OAuthHouse, logins: readonly string[]): KilledFlow {
  const attempt = async (flow: Flow, login: string) => {
    const code = (await house.allowed(flow, login)).searchParams.get('code') ?? '';
    const answer = code === '' ? undefined : await house.redeem(flow, code).catch(() => undefined);
    return { flow, code, taken: answer?.status === 200 };
  };
  return {
    begin(round) {
      const attempts = logins.map((login) => attempt(house.flow(), login).catch(() => undefined));
      return async () => {
        for (const one of await Promise.all(attempts)) {
          if (one === undefined || one.code === '') continue;
          const { flow, code, taken } = one;
          const again = await eventually(
            () => house.redeem(flow, code),
            ({ status }) => status < 500,
          );
          expect({ round, twice: taken && again.status === 200 }).toEqual({ round, twice: false });
        }
      };
    },
  };
}

/** People whom a provider keeps by SCIM: what was answered is there, what was not is there as a whole or not at all. */
export function keepingPeople(endpoint: string, token: string): KilledFlow & { ready(): Promise<unknown> } {
  const scim = httpClient(`${endpoint}/scim/v2/default`, token);
  const user = (userName: string) => scim.send('POST', '/Users', { userName });
  const found = async (userName: string) => {
    const filter = encodeURIComponent(`userName eq "${userName}"`);
    const answer = await eventually(
      () => scim.get(`/Users?filter=${filter}`),
      ({ status }) => status === 200,
    );
    return answer.json<{ totalResults: number }>().totalResults;
  };
  return {
    ready: () =>
      eventually(
        () => scim.get('/ServiceProviderConfig'),
        ({ status }) => status === 200,
      ),
    begin(round) {
      const names = [0, 1, 2, 3].map((n) => `round-${round}-${n}@example.com`);
      const made = (async () => {
        const answered = new Set<string>();
        for (const name of names) {
          const { status } = await user(name).catch(() => ({ status: 0 }));
          if (status === 201) answered.add(name);
        }
        return answered;
      })();
      return async () => {
        const answered = await made;
        for (const name of names) {
          const before = await found(name);
          const wanted = answered.has(name) ? 1 : Math.min(before, 1);
          expect({ round, name, before }).toEqual({ round, name, before: wanted });
          const { status } = await eventually(
            () => user(name),
            (answer) => answer.status < 500,
          );
          expect({ round, name, status }).toEqual({ round, name, status: before === 1 ? 409 : 201 });
          expect(await found(name)).toBe(1);
        }
      };
    },
  };
}
