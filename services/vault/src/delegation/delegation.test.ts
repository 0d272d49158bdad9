import { describe, expect, it } from '@jest/globals';
import type { DelegationType } from './adapter.ts';
import { GUARDS } from './guards.ts';
import { REFUSED } from './refused-delegations.ts';
import { delegationHouse, outcomeOf } from './testing.ts';

const TYPES: readonly DelegationType[] = ['TokenExchange', 'EntraOnBehalfOf', 'IdentityAssertion'];
const NOTICE = {
  tenant: 'acme',
  keyId: '',
  principalId: '',
  user: 'dana',
  client: '',
  sessionId: '',
  reason: 'x',
  by: '',
  ends: true,
};
const rows = REFUSED.flatMap((row) => row.types.map((type) => ({ ...row, type, title: `${type}: ${row.name}` })));

/** All guards but those of a name. */
function without(reason: string): typeof GUARDS {
  const others = <G extends { readonly reason: string }>(guards: readonly G[]) =>
    guards.filter((one) => one.reason !== reason);
  const { answer, entra, idToken, grant } = GUARDS;
  return { answer: others(answer), entra: others(entra), idToken: others(idToken), grant: others(grant) };
}

describe('tokens in the name of people', () => {
  it.each(rows)('[delegation:refused] $title', async ({ type, outcome, ...row }) => {
    const house = delegationHouse(type, row);
    // Others have tokens, which must be of no use to who is refused.
    house.now.well = true;
    await outcomeOf(house.lease({ id: 'user:kim', user: 'kim' }));
    await outcomeOf(house.lease({ id: 'key:k2', keyId: 'k2' }));
    house.now.well = false;
    house.requests.length = 0;
    house.records.length = 0;
    expect(await outcomeOf(house.lease())).toBe(outcome);
    // Each server is asked at most once, and nothing else is tried in the place of what was refused.
    expect(house.requests.length).toBeLessThanOrEqual(type === 'IdentityAssertion' ? 2 : 1);
    expect(house.records.every((record) => !record.includes('"outcome":"ok"'))).toBe(true);
  });

  it.each(rows.filter(({ by }) => by !== undefined))(
    '[delegation:guards] $title, without its guard "$by"',
    async ({ type, by = '', without: left = 'accepted', ...row }) => {
      expect(await outcomeOf(delegationHouse(type, row, without(by)).lease())).toBe(left);
    },
  );

  it('[delegation:guards] has a row for every guard', () => {
    const all = [GUARDS.answer, GUARDS.entra, GUARDS.idToken, GUARDS.grant].flatMap((guards) =>
      guards.map(({ reason }) => reason),
    );
    expect(all.filter((reason) => !REFUSED.some(({ by }) => by === reason))).toEqual([]);
  });

  it('[delegation:token-exchange] exchanges a token of ours, with the service as its audience, for one of the audience', async () => {
    const { lease, requests } = delegationHouse('TokenExchange');
    await expect(lease()).resolves.toMatchObject({ value: 'token-1', owner: 'user:dana', scopes: ['crm.read'] });
    const [{ url, form, headers } = { form: new URLSearchParams() }] = requests;
    const { subject_token: subject = '', ...fields } = Object.fromEntries(form ?? []);
    expect({ url, ...fields }).toEqual({
      url: 'https://sts.example/token',
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: 'crm-api',
      scope: 'crm.read',
    });
    expect(JSON.parse(Buffer.from(subject.split('.')[1] ?? '', 'base64url').toString())).toEqual({
      sub: 'dana',
      aud: 'https://sts.example',
    });
    expect(headers?.authorization).toBe(`Basic ${Buffer.from('gateway:secret-of-crm').toString('base64')}`);
  });

  it('[delegation:entra] asks on behalf of the person by the fields of its wire', async () => {
    const { lease, requests } = delegationHouse('EntraOnBehalfOf');
    await expect(lease()).resolves.toMatchObject({ value: 'token-1' });
    const { assertion, ...fields } = Object.fromEntries(requests[0]?.form ?? []);
    expect(assertion).toContain('.');
    expect({ url: requests[0]?.url, ...fields }).toEqual({
      url: 'https://login.example/tid/token',
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      requested_token_use: 'on_behalf_of',
      scope: 'api://crm/.default',
      client_id: 'gateway',
      client_secret: 'secret-of-crm',
    });
  });

  it('[delegation:identity-assertion] shows the ID token to its provider alone, and the grant to the resource alone', async () => {
    const { lease, requests } = delegationHouse('IdentityAssertion');
    await expect(lease()).resolves.toMatchObject({ value: 'token-1' });
    const [atProvider, atResource] = requests.map(({ url, form, headers }) => ({
      url,
      fields: Object.fromEntries(form),
      client: decodeURIComponent(Buffer.from(headers.authorization?.slice(6) ?? '', 'base64').toString()),
    }));
    expect(requests).toHaveLength(2);
    expect(atProvider).toMatchObject({
      url: 'https://idp.example/token',
      client: 'gateway:secret-at-provider',
      fields: {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        requested_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
        audience: 'https://as.example',
        resource: 'https://tools.example/mcp',
      },
    });
    expect(atResource).toMatchObject({
      url: 'https://as.example/token',
      client: 'at-as:secret-of-crm',
      fields: { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer' },
    });
    expect(atResource?.fields.assertion).not.toBe(atProvider?.fields.subject_token);
  });

  it('signs an assertion where the secret is a private key', async () => {
    const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    const secret = JSON.stringify({ ...(await crypto.subtle.exportKey('jwk', privateKey)), alg: 'ES256', kid: 'k' });
    const auth = { clientAuthentication: 'private_key_jwt' };
    const { lease, requests } = delegationHouse('TokenExchange', { auth, secret });
    await lease();
    expect(requests[0]?.form.get('client_assertion_type')).toBe(
      'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    );
    expect(requests[0]?.headers.authorization).toBeUndefined();
    const broken = delegationHouse('TokenExchange', { auth, secret: 'no key' });
    expect(await outcomeOf(broken.lease())).toBe('upstream_credentials secret');
  });

  it.each(TYPES)(
    '[delegation:cache] %s: keeps a token for one person through one chain at one host, and for nothing else',
    async (type) => {
      const { lease, auth } = delegationHouse(type);
      const one = await lease();
      expect((await lease()).value).toBe(one.value);
      const others = await Promise.all([
        lease({ user: 'kim' }),
        lease({ id: 'key:k2', keyId: 'k2' }),
        lease({ client: 'editor' }),
        lease({ sessionId: 's2' }),
        lease({ actors: [{ id: 'client:agent', client: 'agent' }] }),
        lease({}, { uid: 'u2' }),
        lease({}, { origin: 'https://moved.example:443' }),
        lease({}, { auth: { ...auth, scopes: ['crm.write'] } }),
        lease(
          {},
          {
            auth: {
              ...auth,
              audience: type === 'IdentityAssertion' ? auth.audience : 'other',
              clientId: 'at-as',
              resource: 'https://x.example',
            },
          },
        ).catch(() => ({ value: '' })),
      ]);
      expect(new Set([one.value, ...others.map(({ value }) => value)]).size).toBe(10);
    },
  );

  it.each(TYPES)(
    '[delegation:cache] %s: forgets what nears its end, what was refused, and whom a notice is about',
    async (type) => {
      const soon = delegationHouse(type, {
        answer: (good) => ({ ...good, body: { ...(good.body as object), expires_in: 25 } }),
      });
      expect((await soon.lease()).value).not.toBe((await soon.lease()).value);

      const { lease, cache, now } = delegationHouse(type);
      const first = await lease();
      const second = await lease({}, {}, first.reference);
      expect(second.value).not.toBe(first.value);
      const notice = NOTICE;
      cache.revoked({ ...notice, tenant: 'globex' });
      cache.revoked({ ...notice, user: 'kim' });
      expect((await lease()).value).toBe(second.value);
      cache.revoked(notice);
      const third = await lease();
      expect(third.value).not.toBe(second.value);
      now.known = false;
      const unheard = await lease();
      expect(unheard.value).not.toBe(third.value);
      // Nor kept: nobody would have heard that it was revoked.
      now.known = true;
      expect((await lease()).value).not.toBe(unheard.value);
    },
  );

  it('[delegation:sign-in-link] leads who has to sign in to where that is, with nothing that a stranger wrote', async () => {
    const answer = { status: 400, type: 'application/json', body: { error: 'interaction_required', claims: '{}' } };
    const { lease } = delegationHouse('EntraOnBehalfOf', { answer: () => answer });
    await expect(lease()).rejects.toMatchObject({
      message: 'crm needs you to sign in at people again.',
      details: {
        oauth: 'interaction_required',
        challenge: true,
        missing: 'sign-in',
        server: 'crm',
        provider: 'people',
        link: 'https://gateway.example/acme/people',
      },
    });
  });

  it.each([
    ['a challenge', '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}', true],
    ['no JSON', 'c1', false],
    ['no object', '["c1"]', false],
    ['an object with other members', '{"access_token":{},"redirect_uri":{}}', false],
    ['members that are none', '{"access_token":"all"}', false],
    ['nothing', '{}', false],
    ['what nests too deep', `{"access_token":${'{"a":'.repeat(9)}1${'}'.repeat(10)}`, false],
    ['what is too long', JSON.stringify({ access_token: { a: 'x'.repeat(3_000) } }), false],
    ['what is no text', { access_token: {} }, false],
  ])(
    '[delegation:challenge] hands on to the next sign-in what the provider asks for: %s',
    async (_name, claims, kept) => {
      const refusing = (body: object) => () => ({ status: 400, type: 'application/json', body });
      const answer = refusing({ error: 'interaction_required', claims });
      const outcome = 'upstream_credentials sign-in interaction_required';
      const entra = delegationHouse('EntraOnBehalfOf', { answer });
      expect(await outcomeOf(entra.lease())).toBe(outcome);
      expect(entra.challenges).toEqual(kept ? [`dana https://login.example/tid ${claims}`] : []);
      const asserted = delegationHouse('IdentityAssertion', { answer, at: 'provider' });
      expect(await outcomeOf(asserted.lease())).toBe(outcome);
      expect(asserted.challenges).toEqual(kept ? [`dana https://idp.example ${claims}`] : []);
      // What others than the provider of the sign-in want is nothing that a sign-in there could answer.
      const others = [delegationHouse('TokenExchange', { answer }), delegationHouse('IdentityAssertion', { answer })];
      for (const { lease, challenges } of others) {
        expect(await outcomeOf(lease())).toBe('upstream_credentials interaction_required');
        expect(challenges).toEqual([]);
      }
    },
  );

  it.each(TYPES)('[delegation:cache] %s: forgets what was had by a sign-in that is gone', async (type) => {
    const { lease, now } = delegationHouse(type);
    const { value } = await lease();
    now.signedOut.add('dana');
    expect((await lease()).value === value).toBe(type === 'TokenExchange');
  });

  it('[delegation:listing] lists tools with the token that was had last, and gives the broker nothing of its own', async () => {
    const { lease, now } = delegationHouse('TokenExchange');
    const broker = { id: 'service:mcp-broker', user: '', keyId: '' };
    expect(await outcomeOf(lease(broker))).toBe('upstream_credentials person');
    const { value } = await lease();
    expect((await lease(broker)).value).toBe(value);
    expect(await outcomeOf(lease(broker, { origin: 'https://moved.example:443' }))).toBe('upstream_credentials person');
    expect(await outcomeOf(lease({ ...broker, id: 'client:ci' }))).toBe('upstream_credentials person');
    now.known = false;
    expect(await outcomeOf(lease(broker))).toBe('upstream_credentials person');
  });

  it.each(TYPES)(
    '[delegation:listing] %s: lists nothing with the token of who has no sign-in any more',
    async (type) => {
      const { lease, now, cache } = delegationHouse(type);
      const broker = { id: 'service:mcp-broker', user: '', keyId: '' };
      const kims = await lease({ id: 'user:kim', user: 'kim' });
      const danas = await lease();
      expect((await lease(broker)).value).toBe(danas.value);
      now.signedOut.add('dana');
      // Token exchange stands on no sign-in.
      expect((await lease(broker)).value).toBe(type === 'TokenExchange' ? danas.value : kims.value);
      expect((await lease(broker, {}, danas.reference)).value).toBe(kims.value);
      now.signedOut.add('kim');
      cache.revoked({ ...NOTICE, user: type === 'TokenExchange' ? 'kim' : 'nobody' });
      cache.revoked({ ...NOTICE, user: type === 'TokenExchange' ? 'dana' : 'nobody' });
      expect(await outcomeOf(lease(broker))).toBe('upstream_credentials person');
    },
  );

  it.each(TYPES)('[delegation:budget] %s: asks no more often for a server that refuses all tokens', async (type) => {
    const { lease, asked } = delegationHouse(type);
    let { reference } = await lease();
    for (let n = 0; n < 20; n++) ({ reference } = await lease({}, {}, reference));
    expect(asked).toHaveLength(2);
    // Another person's are counted apart.
    const kim = { id: 'user:kim', user: 'kim' };
    const first = await lease(kim);
    expect((await lease(kim, {}, first.reference)).reference).not.toBe(first.reference);
    expect(asked).toHaveLength(4);
  });

  it('asks once for calls that come together', async () => {
    const { lease, requests, asked } = delegationHouse('TokenExchange');
    const all = await Promise.all(Array.from({ length: 5 }, () => lease()));
    expect(new Set(all.map(({ value }) => value)).size).toBe(1);
    expect(requests).toHaveLength(1);
    expect(asked).toEqual(['TokenExchange ok']);
  });

  it.each(TYPES)('[delegation:recorded] %s: records who asked in whose name for what, by reference', async (type) => {
    const { lease, records, requests } = delegationHouse(type);
    const { value } = await lease({ actors: [{ id: 'client:agent', client: 'agent' }] });
    expect(records).toHaveLength(1);
    for (const word of ['credentials.delegate', type, 'user:dana', 'key:k1', 'client:agent', 'crm']) {
      expect(records[0]).toContain(word);
    }
    const secrets = [
      value,
      'secret-of-crm',
      ...requests.flatMap(({ form }) => [form.get('subject_token'), form.get('assertion')]),
    ];
    for (const secret of secrets) if (secret) expect(records[0]).not.toContain(secret);
  });
});
