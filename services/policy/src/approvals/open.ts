import { readSecretFile } from '@sallyport/chassis/config';
import { GatewayError } from '@sallyport/chassis/errors';
import { outbound } from '@sallyport/chassis/http/fetch';
import { readKeyFile } from '@sallyport/chassis/key-file';
import type { Logger } from '@sallyport/chassis/log';
import { urlGuard } from '@sallyport/chassis/net/guard';
import type { Postgres } from '@sallyport/chassis/postgres';
import type { Lifecycle } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import { sealer } from '@sallyport/chassis/seal';
import type { RecordService } from '@sallyport/proto/audit/v1/audit_pb';
import type { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import type { PolicyConfig } from '../config.ts';
import type { Setting } from '../evaluate.ts';
import { toolRevision } from '../rules/tool.ts';
import type { Kept, KeptLookup } from '../trajectories/kept.ts';
import { createUntrustedStore, type UntrustedStore } from '../untrusted/store.ts';
import { createDeciding } from './deciding.ts';
import { createDigests, type Digests } from './digests.ts';
import { createEndorsementStore } from './endorsement-store.ts';
import { sendingRecords } from './outbox.ts';
import { voidingApprovals } from './revocations.ts';
import { createSealing } from './sealing.ts';
import type { ApprovalOptions } from './service.ts';
import { createApprovalStore } from './store.ts';
import { approvalUpkeep } from './upkeep.ts';
import { createVoidStore } from './void.ts';
import { createWaiting } from './waiting.ts';
import { createWebhook, readWebhookUrl, type Webhook } from './webhook.ts';

/** What approvals are made from. */
export interface OpenApprovals {
  readonly config: PolicyConfig;
  readonly database: Postgres;
  readonly records: Client<typeof RecordService>;
  readonly authentication: Client<typeof AuthenticationService> | undefined;
  readonly setting: () => Setting;
  readonly kept: (lookup: KeptLookup) => Promise<Kept>;
  readonly log: Logger;
}

/** Approvals, ready to serve, and what else is kept of values. */
export interface Approvals extends ApprovalOptions {
  readonly untrusted: UntrustedStore;
  readonly digests: Digests;
}

const WEBHOOK_TIMEOUTS = { connectMs: 3_000, headersMs: 8_000, bodyIdleMs: 3_000 };

/** Builds approvals with their upkeep, their records' way to audit and the webhook. */
export async function openApprovals(life: Lifecycle, options: OpenApprovals): Promise<Approvals> {
  const { config, database, records, authentication, setting, kept, log } = options;
  const keys = readKeyFile(config.sealKeysFile);
  const sealing = createSealing(sealer(keys));
  const digests = createDigests(keys);
  const store = createApprovalStore(database, sealing);
  const endorsements = createEndorsementStore(database, sealing);
  const untrusted = createUntrustedStore(database, {
    objectTtlMs: config.untrusted.objectTtl,
    maxValuesPerUser: config.untrusted.maxValuesPerUser,
  });
  const webhook = await openWebhook(life, config, log);
  const { retention, upkeepInterval, recordInterval } = config.approvals;
  await life.use(
    approvalUpkeep({
      postgres: database,
      sealing,
      sweep: () => untrusted.sweep(),
      async voidGone() {
        const { snapshot } = setting();
        // What is not known yet is no reason to take something for gone.
        if (snapshot?.caughtUp !== true) return 0;
        const uids = (tenant: string) => snapshot.tenants.get(tenant)?.servers.values() ?? [];
        return await endorsements.voidGone((tenant, uid) => [...uids(tenant)].some((server) => server.uid === uid));
      },
      onReminder: (reminder) => webhook?.tell(reminder, true),
      intervalMs: upkeepInterval,
      retentionMs: retention,
      log,
    }),
  );
  await life.use(sendingRecords({ postgres: database, sealing, client: records, intervalMs: recordInterval, log }));
  const waiting = await life.use(createWaiting(store, log));
  if (authentication !== undefined) {
    const voids = createVoidStore(database, sealing);
    await life.use(voidingApprovals({ client: authentication, store: voids, onVoid: () => waiting.poke(), log }));
  }
  return {
    deciding: createDeciding({ approvals: store, endorsements, kept }, digests, (question) =>
      webhook?.tell(question, false),
    ),
    store,
    endorsements,
    untrusted,
    digests,
    waiting,
    setting,
    rulesNow({ tenant, content }) {
      const { snapshot } = setting();
      // Not to know the rules is no reason to void what was asked.
      if (snapshot === undefined) throw new GatewayError('unavailable', 'No policy is known yet.');
      const rules = snapshot.tenants.get(tenant);
      return rules === undefined ? undefined : toolRevision(content.tool, rules);
    },
    onDecided: () => waiting.poke(),
  };
}

async function openWebhook(life: Lifecycle, config: PolicyConfig, log: Logger): Promise<Webhook | undefined> {
  const { webhook } = config.approvals;
  if (webhook === undefined) return undefined;
  const { urlFile, secretFile, format, publicUrl, includeValues, allowPrivateNetwork } = webhook;
  const url = readWebhookUrl(urlFile);
  const guard = urlGuard({ allowPrivate: allowPrivateNetwork, allowHttp: allowPrivateNetwork });
  const out = await life.use(outbound({ guard, timeouts: WEBHOOK_TIMEOUTS, maxConnections: 2 }));
  const secret = readSecretFile(secretFile);
  return life.use(createWebhook({ url, secret, format, publicUrl, includeValues, outbound: out, log }));
}
