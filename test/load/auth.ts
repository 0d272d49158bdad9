// Measures what authenticating adds to a warm call, with few keys and with many. Alone: make bench NAMES=auth
import { randomBytes } from 'node:crypto';
import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import { createMetrics } from '@sallyport/chassis/metrics';
import type { AuthenticateRequest } from '@sallyport/proto/identity/v1/identity_pb';
import { createIngress, type IngressRequest } from '../../services/peers/src/ingress.ts';
import { principalCache } from '../../services/peers/src/principals.ts';
import { standingOf } from '../../services/peers/src/standing.ts';
import { median } from './measuring.ts';
import type { Measure } from './report.ts';

const MANY = 100_000;
/** Of many keys, those that were shown last: a process keeps so many principals at most, and the rest is no warm call. */
const WARM = 10_000;
const FEW = 10;
const PAIRS = 9;
const CALLS = 40_000;
/** Between two of these the revocation stream is heard. */
const AT_ONCE = 1_000;

type Request = IngressRequest & { socket: { remoteAddress: string }; method: string };
type Asked = Pick<AuthenticateRequest, 'secret'>;

/**
 * CPU microseconds that authenticating takes of a warm call: reading its credential (identity headers taken off, the address
 * of the client not yet worked out), finding the cached principal, and the standing that its access is cached under. In this
 * process and without HTTP around it, since the difference of two whole suites is far below how much they vary. With 10 keys,
 * after 100,000 have gone through the same cache and the last 10 are used, and the last 10,000 in turn; interleaved.
 *
 * `auth.growth` is the second to the first: the same keys are hot in both, so it is what many known keys cost a call.
 * 10,000 hot keys are another thing: their principals do not fit the caches of a processor, and each call waits for memory
 * a few times, however they are looked up. That is in `auth.warm.100k`, against the bar for a call.
 */
export async function measureAuth(pairs = PAIRS): Promise<Measure[]> {
  const [few, many] = [await gate(FEW), await gate(MANY)];
  try {
    for (const [one, used] of [
      [few, FEW],
      [many, FEW],
      [many, WARM],
    ] as const)
      await one.run(CALLS, used);
    const taken: { few: number[]; many: number[]; spread: number[] } = { few: [], many: [], spread: [] };
    for (let pair = 0; pair < pairs; pair++) {
      taken.few.push(await few.run(CALLS, FEW));
      taken.many.push(await many.run(CALLS, FEW));
      taken.spread.push(await many.run(CALLS, WARM));
    }
    if (few.asked() > FEW || many.asked() > MANY) throw new Error('a call was not warm');
    const [one, other] = [median(taken.few), median(taken.spread)];
    const toFew = (values: readonly number[]) =>
      median(taken.few.map((value, index) => (values[index] as number) / value));
    const note = `the path in one process, median of ${pairs}`;
    return [
      { name: 'auth.warm', value: one, unit: 'µs', bar: 10, note: `${FEW} keys; ${note}` },
      {
        name: 'auth.warm.100k',
        value: other,
        unit: 'µs',
        bar: 10,
        note: `${MANY} keys, ${WARM} of them in turn, ${toFew(taken.spread).toFixed(2)} × of ${FEW}; ${note}`,
      },
      {
        name: 'auth.growth',
        value: toFew(taken.many),
        unit: '×',
        bar: 1.2,
        note: `${MANY} keys to ${FEW}, ${FEW} of them in turn in both`,
      },
    ];
  } finally {
    await few.stop();
    await many.stop();
  }
}

/** The admission of a gate over an identity that knows all keys, each of which was shown once. */
async function gate(keys: number) {
  const nothing = () => {};
  const log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => log };
  const secrets = Array.from(
    { length: keys },
    () => `sp-${randomBytes(6).toString('hex')}-${randomBytes(24).toString('base64url')}`,
  );
  let asked = 0;
  const principals = principalCache({
    client: {
      async authenticate({ secret }: Asked) {
        asked++;
        const id = secret.slice(3, 15);
        const lists = {
          teams: ['core'],
          userTeams: ['core'],
          ownedTeams: [],
          models: [],
          tools: [],
          endpoints: [],
          actors: [],
        };
        const texts = { revision: '1', client: '', claimsJson: '', identityProvider: '' };
        const principal = {
          tenant: 'default',
          id: `key:${id}`,
          keyId: id,
          user: 'ann',
          expiresAtMs: 0,
          ...lists,
          ...texts,
        };
        return { principal, cacheTtlMs: 600_000, networks: [] };
      },
      async *watchRevocations(_request: object, { signal }: { signal?: AbortSignal }) {
        while (signal?.aborted !== true) {
          yield {
            tenant: '',
            keyId: '',
            principalId: '',
            reason: '',
            user: '',
            client: '',
            sessionId: '',
            by: '',
            sequence: 1,
          };
          await pause(100);
        }
      },
    } as never,
    log,
  });
  const ingress = createIngress(
    { trustedProxies: ['127.0.0.1/32'], forwardedHeader: 'x-forwarded-for' },
    { log, metrics: createMetrics('bench', { defaults: false }) },
  );
  principals.start();
  // What was answered before the stream was open is not trusted.
  await pause(300);
  for (const [index, secret] of secrets.entries()) {
    await principals.authenticate({ secret, address: () => '' }, 'chat.completions');
    if (index % AT_ONCE === 0) await setImmediate();
  }
  let next = 0;
  return {
    asked: () => asked,
    stop: () => principals.stop(),
    /** Microseconds a call, of so many calls with the last `used` keys in turn. */
    async run(calls: number, used: number): Promise<number> {
      const shown = secrets.slice(-used);
      let micros = 0;
      for (let done = 0; done < calls; done += AT_ONCE) {
        await setImmediate();
        // As a server reads them off the wire: new for each call, whatever key it is with.
        const requests = Array.from({ length: AT_ONCE }, () => {
          next = next + 1 >= shown.length ? 0 : next + 1;
          return requestOf(Buffer.from(shown[next] as string).toString('latin1'));
        });
        const began = process.cpuUsage();
        for (const request of requests) {
          standingOf(await principals.authenticate(ingress.credentialOf(request), 'chat.completions'));
        }
        const { user, system } = process.cpuUsage(began);
        micros += user + system;
      }
      return micros / calls;
    },
  };
}

/** A request as SDKs send it, through one proxy. */
function requestOf(secret: string): Request {
  const headers: Record<string, string> = {
    host: 'gate.example',
    connection: 'keep-alive',
    accept: 'application/json',
    'content-type': 'application/json',
    'user-agent': 'OpenAI/JS 7.55.0',
    'x-stainless-lang': 'js',
    'x-stainless-runtime': 'node',
    authorization: `Bearer ${secret}`,
    'content-length': '120',
    'x-forwarded-for': '192.0.2.7',
    'x-forwarded-proto': 'https',
  };
  const rawHeaders = Object.entries(headers).flat();
  return { headers, rawHeaders, url: '/v1/chat/completions', method: 'POST', socket: { remoteAddress: '127.0.0.1' } };
}
