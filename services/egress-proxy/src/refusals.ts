import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { EgressStatus } from '@sallyport/custom-resources';
import type { Recorder } from '@sallyport/peers/records';
import { type Reporting, reporting } from '@sallyport/peers/reporting';
import type { Snapshot } from '@sallyport/peers/snapshot';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import type { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import type { EgressServer } from './admission.ts';
import type { Refused } from './proxy.ts';

/** Keeps account of what was refused. */
export interface Refusals extends Reporting {
  add(refused: Refused): void;
}

const LAST = 8;
const MAX_SERVERS = 10_000;
/** Records of one server in a minute; what comes beyond is counted in the next one. */
const MAX_A_MINUTE = 60;

interface Budget {
  minute: number;
  recorded: number;
  unrecorded: number;
}

interface Account extends Budget {
  server: EgressServer;
  refused: number;
  last: EgressStatus['last'];
}

/** Records each refusal of a known server and tells its status, at intervals and soon after one, for as long as it is there. */
export function accountRefusals(options: {
  readonly snapshot: Pick<Snapshot, 'items' | 'onChange'>;
  readonly recorder: Pick<Recorder, 'append'>;
  readonly client: Pick<Client<typeof SnapshotService>, 'report'>;
  readonly reporter: string;
  readonly intervalMs: number;
  readonly log: Logger;
}): Refusals {
  const { recorder, log, snapshot } = options;
  const accounts = new Map<string, Account>();
  const strangers: Budget = { minute: 0, recorded: 0, unrecorded: 0 };
  const reports = reporting({
    ...options,
    name: 'refusals',
    observations: () =>
      [...accounts.values()].map(({ server, refused, last }) => ({
        kind: 'ToolServer',
        tenant: server.tenant,
        name: server.name,
        uid: server.uid,
        generation: server.generation,
        conditions: [],
        statusJson: JSON.stringify({ egress: { refused, last } }),
      })),
  });
  snapshot.onChange(() => {
    if (accounts.size === 0) return;
    const there = new Set([...snapshot.items('ToolServer')].map(({ uid }) => uid));
    for (const uid of accounts.keys()) if (!there.has(uid)) accounts.delete(uid);
  });
  /** Writes a line of the log if there is one left in this minute, and tells how many were left out before; else undefined. */
  const written = (budget: Budget, refused: Refused): number | undefined => {
    const minute = Math.floor(Date.now() / 60_000);
    if (budget.minute !== minute) Object.assign(budget, { minute, recorded: 0 });
    if (budget.recorded >= MAX_A_MINUTE) {
      budget.unrecorded++;
      return undefined;
    }
    budget.recorded++;
    const { unrecorded } = budget;
    budget.unrecorded = 0;
    const { server } = refused;
    log.warn('A connection was refused', { ...refused, server: server?.name, tenant: server?.tenant, unrecorded });
    return unrecorded;
  };
  const record = (account: Account, refused: Refused & { server: EgressServer }) => {
    const unrecorded = written(account, refused);
    if (unrecorded === undefined) return;
    const { server, host, port, reason, from } = refused;
    const detail = {
      action: 'egress.refuse',
      target: { server: server.name, uid: server.uid, host, port, reason, from, unrecorded },
    };
    recorder.append({
      id: uuidv7(),
      kind: Record_Kind.ADMISSION_REFUSAL,
      tenant: server.tenant,
      step: 1,
      startedAtMs: Date.now(),
      principalKind: 'server',
      principalId: `toolserver:${server.name}`,
      outcome: 'refused',
      errorCode: 'permission_denied',
      verdict: 'deny',
      enforced: 'deny',
      rule: 'hosted.egress',
      reason,
      detailJson: JSON.stringify(detail),
    });
  };

  return {
    ...reports,
    add(refused) {
      const { server, host, port, reason } = refused;
      if (server === undefined) return void written(strangers, refused);
      if (accounts.size >= MAX_SERVERS && !accounts.has(server.uid)) return;
      const account = accounts.get(server.uid) ?? {
        server,
        refused: 0,
        last: [],
        minute: 0,
        recorded: 0,
        unrecorded: 0,
      };
      account.server = server;
      account.refused++;
      const entry = { host: host.slice(0, 253), port, reason, at: new Date().toISOString() };
      const others = account.last.filter(
        (one) => one.host !== entry.host || one.port !== port || one.reason !== reason,
      );
      account.last = [entry, ...others].slice(0, LAST);
      accounts.set(server.uid, account);
      record(account, { ...refused, server });
      reports.soon();
    },
  };
}
