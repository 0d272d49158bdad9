import { create } from '@bufbuild/protobuf';
import { asGatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import { KeySpecSchema } from '@sallyport/proto/identity/v1/identity_pb';
import { Principal_Kind, Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { endKey } from './administration.ts';
import type { Authenticate, Authenticated } from './authentication.ts';
import type { KeyStore } from './key-store.ts';
import type { Peppers } from './peppers.ts';
import { faultOfChosenSecret, lookupPrefixOf, shownPrefixOf } from './secret.ts';

/** Name and id of the key; the id is fixed, so that it is made once in the life of a database. */
export const BOOTSTRAP_ADMIN = 'bootstrap-admin';

/** How often the end of the key is tried again after a sign-in whose turn it was but that found no database. */
const RETRY_MS = 10_000;

/** What the first admin of an installation is made of. */
export interface BootstrapAdminOptions {
  readonly store: Pick<KeyStore, 'inTenant'>;
  readonly peppers: Peppers;
  readonly tenant: string;
  /** The one-time secret, out of a Secret of the installation. */
  readonly secret: string;
  /** How long it is good for since it was first seen, ms. */
  readonly validForMs: number;
  readonly onNotice: () => void;
  readonly log: Logger;
  readonly now?: () => number;
}

/** The way in before anybody can sign in: a key of role Admin that ends by itself. Started, it is made once there is a database. */
export interface BootstrapAdmin extends Component {
  /** Makes the key unless this database ever had it: one that ran out, was used up or was revoked stays so. */
  ensure(): Promise<void>;
  /** Told who acts: the first person who is admin of its tenant ends the key. Nothing is held up. */
  seen(principal: Authenticated['principal']): void;
  /** As `seen`, of all that an authenticator answers. */
  watching(authenticate: Authenticate): Authenticate;
}

/**
 * Makes it; throws where the secret could be guessed.
 * There is no default admin (DESIGN §8): the chart makes a secret that works for 24 hours on the admin API alone, and is
 * void from the first sign-in of an admin through an IdentityProvider.
 */
export function createBootstrapAdmin(options: BootstrapAdminOptions): BootstrapAdmin {
  const { store, peppers, tenant, secret, validForMs, onNotice, log, now = Date.now } = options;
  const fault = faultOfChosenSecret(secret);
  if (fault !== undefined) throw new Error(`the bootstrap secret cannot be used: ${fault}`);
  let over = false;
  let triedAtMs = Number.NEGATIVE_INFINITY;

  let timer: NodeJS.Timeout | undefined;
  let making: Promise<void> = Promise.resolve();

  const make = async () => {
    try {
      await ensure();
    } catch (error) {
      log.warn('the bootstrap key could not be made yet', { error });
      timer = setTimeout(start, RETRY_MS / 10);
      timer.unref();
    }
  };
  const start = () => {
    making = make();
  };
  const ensure = async () => {
    try {
      await store.inTenant(tenant, async (tx) => {
        if ((await tx.keyById(BOOTSTRAP_ADMIN)) !== undefined) return;
        const spec = create(KeySpecSchema, {
          name: BOOTSTRAP_ADMIN,
          role: Principal_Role.ADMIN,
          endpoints: ['admin'],
          expiresAtMs: now() + validForMs,
        });
        const prefix = shownPrefixOf(secret);
        await tx.insert({ id: BOOTSTRAP_ADMIN, spec, prefix, resourceUid: undefined, generated: false });
        await tx.addSecret(BOOTSTRAP_ADMIN, peppers.digest(secret), lookupPrefixOf(secret));
      });
    } catch (error) {
      // Another replica was faster, or the name or secret is somebody's already: then nothing is to be made.
      if (asGatewayError(error).code !== 'conflict') throw error;
    }
  };
  const end = async () => {
    await store.inTenant(tenant, async (tx) => {
      const key = await tx.keyById(BOOTSTRAP_ADMIN);
      if (key === undefined || key.revokedAtMs !== undefined) return;
      await endKey(tx, key, 'revoked', 'an admin signed in');
      log.info('the bootstrap key is void: an admin signed in', { tenant });
    });
    onNotice();
    over = true;
  };

  const seen = ({ kind, role, tenant: of }: Authenticated['principal']) => {
    const admin = kind === Principal_Kind.USER && role === Principal_Role.ADMIN && of === tenant;
    if (!admin || over || now() - triedAtMs < RETRY_MS) return;
    triedAtMs = now();
    end().catch((error: unknown) => log.warn('the bootstrap key could not be ended yet', { error }));
  };

  return {
    name: BOOTSTRAP_ADMIN,
    start,
    async stop() {
      clearTimeout(timer);
      await making;
    },
    ensure,
    seen,
    watching:
      (authenticate) =>
      async (...asked) => {
        const answer = await authenticate(...asked);
        seen(answer.principal);
        return answer;
      },
  };
}
