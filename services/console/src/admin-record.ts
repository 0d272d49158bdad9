import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { Record_Kind, RecordSchema } from '@sallyport/proto/audit/v1/audit_pb';
import { Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import { type Caller, ENDPOINT } from './caller.ts';
import type { Clients } from './clients.ts';
import type { Patience } from './route.ts';

/** A change that an admin makes, as the log tells of it; never a secret. */
export interface AdminAction {
  /** For example `keys.create`. */
  readonly action: string;
  /** What is changed. */
  readonly target: Readonly<Record<string, string>>;
  /** What is asked for. */
  readonly change?: unknown;
}

/** Makes a change between two durable records. */
export type Recorded = <T>(
  caller: Caller,
  action: AdminAction,
  patience: Patience,
  work: () => Promise<T>,
  targetOf?: (result: T) => Readonly<Record<string, string>>,
) => Promise<T>;

const codec = codecOf(RecordSchema);
const PRINCIPAL_KINDS: Readonly<Record<number, string>> = {
  [Principal_Kind.USER]: 'user',
  [Principal_Kind.CLIENT]: 'client',
  [Principal_Kind.KEY]: 'key',
};

/**
 * Makes the recorder: the intent is committed before the change and its outcome before the answer. Without a durable
 * intent nothing is changed; without a durable outcome the answer is `audit_unavailable` and says that it was.
 */
export function recordedBy(records: Clients['records']): Recorded {
  return async (caller, action, patience, work, targetOf) => {
    const startedAtMs = Date.now();
    const base = recordBase(caller, startedAtMs);
    const intentId = uuidv7();
    const commit = async (record: object) => {
      await records.commit({ records: [codec.encode({ ...base, id: uuidv7(), ...record })] }, patience);
    };
    await commit({
      id: intentId,
      outcome: 'unknown',
      detailJson: JSON.stringify({ ...action, phase: 'intent' }),
    }).catch((error: unknown) => {
      throw new GatewayError('audit_unavailable', 'The change was not made: it could not be recorded.', {
        cause: error,
      });
    });
    const ended = (outcome: object, target: object) => ({
      intentId,
      durationMs: Date.now() - startedAtMs,
      detailJson: JSON.stringify({ ...action, target: { ...action.target, ...target }, phase: 'outcome' }),
      ...outcome,
    });
    let result: Awaited<ReturnType<typeof work>>;
    try {
      result = await work();
    } catch (error) {
      const { code, status } = asGatewayError(error);
      // The refusal is what the caller must hear, whether or not the log could take it in.
      await commit(ended({ outcome: 'error', errorCode: code, httpStatus: status }, {})).catch(() => undefined);
      throw error;
    }
    await commit(ended({ outcome: 'ok' }, targetOf?.(result) ?? {})).catch((error: unknown) => {
      throw new GatewayError('audit_unavailable', 'The change was made, but its outcome could not be recorded.', {
        cause: error,
        details: { changed: true },
      });
    });
    return result;
  };
}

function recordBase({ principal }: Caller, startedAtMs: number) {
  return {
    kind: Record_Kind.ADMIN,
    tenant: principal.tenant,
    step: 1,
    startedAtMs,
    principalKind: PRINCIPAL_KINDS[principal.kind] ?? 'key',
    principalId: principal.id,
    user: principal.user,
    teams: principal.teams,
    customer: principal.customer,
    keyId: principal.keyId,
    client: principal.client,
    tags: principal.tags,
    endpoint: ENDPOINT,
  };
}
