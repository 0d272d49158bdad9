import type { KubeApi } from '@sallyport/chassis/kube/api';
import type { Logger } from '@sallyport/chassis/log';
import { apiVersion } from '@sallyport/custom-resources';
import type { Entry } from '../entry.ts';
import type { Occurrence } from '../source/source.ts';

/** Tells of occurrences as `events.k8s.io/v1` Events. */
export interface EventRecorder {
  emit(entry: Entry, occurrence: Occurrence): void;
}

const silenceMs = 600_000;
const burst = 25;
const refillMs = 10_000;

/**
 * Makes a recorder. The same words about the same object are told once in ten minutes, and all in all 25 at once and
 * one each ten seconds after that: Events are for people, and the API server is not to suffer from them.
 */
export function eventRecorder(options: {
  readonly api: Pick<KubeApi, 'request'>;
  /** Name of this replica. */
  readonly instance: string;
  readonly log: Logger;
  readonly now?: () => number;
}): EventRecorder {
  const { api, instance, log, now = Date.now } = options;
  const told = new Map<string, number>();
  let tokens = burst;
  let filledMs = now();

  const allowed = (key: string): boolean => {
    const time = now();
    for (const [old, at] of told) if (time - at > silenceMs) told.delete(old);
    if (told.has(key)) return false;
    const earned = Math.floor((time - filledMs) / refillMs);
    if (earned > 0) {
      tokens = Math.min(burst, tokens + earned);
      filledMs += earned * refillMs;
    }
    if (tokens === 0) return false;
    tokens--;
    told.set(key, time);
    return true;
  };

  return {
    emit(entry, { type, reason, note }) {
      if (!allowed(JSON.stringify([entry.uid, reason, note]))) return;
      const { kind, tenant, name, uid } = entry;
      const time = new Date(now()).toISOString().replace('Z', '000Z');
      const event = {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { generateName: `${name.slice(0, 200).replace(/[.-]+$/, '')}-`, namespace: tenant },
        eventTime: time,
        reportingController: 'sallyport.dev/operator',
        reportingInstance: instance.slice(0, 128),
        action: 'Reconcile',
        reason,
        type,
        // The API allows 1024 bytes.
        note: (note || reason).slice(0, 500),
        regarding: { apiVersion, kind, name, namespace: tenant, uid },
      };
      const path = `/apis/events.k8s.io/v1/namespaces/${tenant}/events`;
      api.request({ method: 'POST', path, body: event }).catch((error: unknown) => {
        log.debug('an Event could not be written', { kind, name, error });
      });
    },
  };
}
