import type { Findings } from '../findings.ts';
import type { Settings } from '../settings.ts';

const EXACT = ['local', 'redis', 'disk', 's3', 'gcs', 'azure-blob'];
const LONGEST_SECONDS = 7 * 24 * 3600;
const STORE = ['host', 'port', 'password', 'username', 'ssl', 'url', 'redis_startup_nodes', 'sentinel_nodes', 'db'];
/** LiteLLM's own, in memory. */
const OTHERWISE_SECONDS = 600;

/** `cache` of every Model; undefined where answers are not kept, or not exactly. */
export function cacheOf(litellm: Settings, findings: Findings): Readonly<Record<string, unknown>> | undefined {
  const isOn = litellm.flag('cache') === true;
  const params = litellm.section('cache_params');
  // The store of the suite is set in the chart.
  for (const name of STORE) params.take(name);
  if (!isOn) return undefined;
  const type = params.text('type') ?? 'redis';
  const mode = params.text('mode');
  const seconds = params.number('ttl') ?? params.number('default_in_redis_ttl') ?? OTHERWISE_SECONDS;
  if (!EXACT.includes(type)) {
    findings.add(
      'not-carried',
      params.at('type'),
      `${type}: answers to requests that are merely alike are never given`,
    );
    return undefined;
  }
  if (mode === 'default_off') {
    findings.add('not-carried', params.at('mode'), 'a Model keeps answers of all its requests or of none: none');
    return undefined;
  }
  const where = params.has('type') ? params.at('type') : litellm.at('cache');
  findings.add(
    'changed',
    where,
    'scope: Principal, where LiteLLM gives the answer of one key to all; the store is that of the suite',
  );
  return { ttl: `${Math.max(1, Math.min(LONGEST_SECONDS, Math.round(seconds)))}s` };
}
