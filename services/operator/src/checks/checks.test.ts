import { describe, expect, it } from '@jest/globals';
import type { Secret } from '@sallyport/custom-resources';
import { decideCredential, originOf } from './credential.ts';
import { fails, holds, readyBy, unknown } from './findings.ts';
import { expiresSoonMs, expiry } from './key.ts';
import { observedFindings } from './observed.ts';

const secret = (data: Record<string, string>): Secret => ({
  metadata: { name: 's', namespace: 'n', labels: {}, annotations: {} },
  data: new Map(Object.entries(data)),
  version: '1',
});
const ref = { name: 's', key: 'k' };

describe('originOf', () => {
  it.each([
    ['https://a.example/v1', 'https://a.example:443'],
    ['https://A.example:443', 'https://a.example:443'],
    ['http://a.example', 'http://a.example:80'],
    ['http://[::1]:8080/x', 'http://[::1]:8080'],
    ['ftp://a.example', undefined],
    ['a.example', undefined],
  ])('of %s is %s', (url, origin) => {
    expect(originOf(url)).toBe(origin);
  });
});

describe('decideCredential', () => {
  const wanted = {
    ref,
    url: 'https://new.example/v1',
    secret: secret({ k: ' value\n' }),
    grantedOrigin: undefined,
    annotations: {},
  };
  const reason = (change: Partial<Parameters<typeof decideCredential>[0]>) => {
    const decision = decideCredential({ ...wanted, ...change });
    return decision.grant ? decision.origin : decision.finding.reason;
  };

  it('grants for the first time without more, and trims what editors leave', () => {
    expect(decideCredential(wanted)).toEqual({ grant: true, value: 'value', origin: 'https://new.example:443' });
  });

  it.each([
    ['no Secret', { secret: undefined }, 'SecretNotFound'],
    ['no key', { secret: secret({ other: 'x' }) }, 'SecretKeyNotFound'],
    ['an empty value', { secret: secret({ k: ' \n' }) }, 'SecretEmpty'],
    ['the origin it has', { grantedOrigin: 'https://new.example:443' }, 'https://new.example:443'],
    ['another origin', { grantedOrigin: 'https://old.example:443' }, 'OriginChanged'],
    ['another port', { grantedOrigin: 'https://new.example:8443' }, 'OriginChanged'],
    ['another scheme', { grantedOrigin: 'http://new.example:80' }, 'OriginChanged'],
    [
      'another origin that the annotation names',
      {
        grantedOrigin: 'https://old.example:443',
        annotations: { 'sallyport.dev/grant-origin': 'https://new.example' },
      },
      'https://new.example:443',
    ],
    [
      'another origin than the annotation names',
      {
        grantedOrigin: 'https://old.example:443',
        annotations: { 'sallyport.dev/grant-origin': 'https://old.example' },
      },
      'OriginChanged',
    ],
  ])('[operator:origin-changed] with %s says %s', (_, change, expected) => {
    expect(reason(change)).toBe(expected);
  });
});

describe('a Secret of the gate itself', () => {
  it.each([
    ['app.kubernetes.io/part-of', 'sallyport', 'it belongs to Sallyport itself'],
    ['sallyport.dev/hosted', 'true', 'it is the credential of a hosted server'],
  ])(
    '[operator:internal-secret] marked by %s is granted to nobody, and what was is taken back',
    (label, value, why) => {
      const plain = secret({ k: 'v' });
      const marked = { ...plain, metadata: { ...plain.metadata, labels: { [label]: value } } };
      const wanted = { ref, url: 'https://a.example', grantedOrigin: undefined, annotations: {} };
      expect(decideCredential({ ...wanted, secret: marked })).toEqual({
        grant: false,
        gone: true,
        finding: {
          ...{ type: 'CredentialsValid', status: 'False', reason: 'SecretNotAllowed' },
          message: `Secret s may not be used: ${why}`,
        },
      });
      expect(decideCredential({ ...wanted, secret: plain }).grant).toBe(true);
    },
  );
});

describe('what Helm keeps of a release', () => {
  it('[operator:internal-secret] is granted to nobody: it holds the values of all that the chart was given', () => {
    const { metadata, ...held } = secret({ release: 'v' });
    const name = 'sh.helm.release.v1.sallyport.v3';
    const wanted = { ref: { name, key: 'release' }, url: 'https://a.example', grantedOrigin: undefined };
    const decision = decideCredential({
      ...wanted,
      secret: { metadata: { ...metadata, name }, ...held },
      annotations: {},
    });
    expect(decision).toMatchObject({ grant: false, finding: { reason: 'SecretNotAllowed' } });
  });
});

describe('expiry', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  const at = (ms: number) => new Date(now + ms).toISOString();
  it.each([
    ['never', undefined, 'False NoExpiry', undefined],
    ['in a month', at(30 * 86_400_000), 'False NotSoon', 30 * 86_400_000 - expiresSoonMs + 1000],
    ['in a day', at(86_400_000), 'True ExpiresSoon', 86_401_000],
    ['yesterday', at(-86_400_000), 'True Expired', undefined],
  ])('of a key that ends %s', (_, expiresAt, expected, again) => {
    const found = expiry(expiresAt, now);
    expect(`${found.finding.status} ${found.finding.reason}`).toBe(expected);
    expect(found.again).toBe(again);
  });
});

describe('readyBy', () => {
  it('lends reason and message of the first condition that is not as needed', () => {
    const bad = fails('CredentialsValid', 'SecretNotFound', 'no Secret s');
    expect(readyBy([bad], [['CredentialsValid', 'True']])).toEqual({ ...bad, type: 'Ready' });
    expect(readyBy([unknown('Reachable', 'NotObserved', '')], [['Reachable', 'notFalse']]).status).toBe('True');
    expect(readyBy([unknown('Reachable', 'NotObserved', '')], [['Reachable', 'True']]).status).toBe('Unknown');
    expect(readyBy([], [['Reachable', 'True']])).toMatchObject({ status: 'Unknown', reason: 'Pending' });
  });
});

describe('observedFindings', () => {
  const own = holds('CredentialsValid', 'Granted');
  const seen = fails('CredentialsValid', 'Rejected', 'the provider answered 401');
  it('lets a service take back what the operator believes, but not what it refuses', () => {
    expect(observedFindings({ status: {} }, { findings: [seen], fields: {} }, [own], [])).toEqual([seen]);
    const refused = fails('CredentialsValid', 'OriginChanged', '');
    const right = holds('CredentialsValid', 'Accepted');
    expect(observedFindings({ status: {} }, { findings: [right], fields: {} }, [refused], [])).toEqual([refused]);
  });

  it('keeps what the status says until a service speaks', () => {
    const held = { ...holds('Reachable', 'Connected'), lastTransitionTime: '2026-01-01T00:00:00Z' };
    expect(observedFindings({ status: { conditions: [held] } }, undefined, [], ['Reachable'])).toEqual([
      holds('Reachable', 'Connected'),
    ]);
    expect(observedFindings({ status: {} }, undefined, [], ['Reachable'])[0]).toMatchObject({ status: 'Unknown' });
  });
});
