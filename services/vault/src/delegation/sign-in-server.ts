import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import type { SignInService } from '@sallyport/proto/vault/v1/sign_ins_pb';
import type { VaultMetrics } from '../metrics.ts';
import type { SignIns } from './sign-ins.ts';

/** SignInService over kept sign-ins. */
export function signInService(
  signIns: Pick<SignIns, 'keep'>,
  metrics: VaultMetrics,
): ServiceImpl<typeof SignInService> {
  return {
    async keep({ tenant, ...signIn }) {
      const claims = await signIns.keep(tenant, signIn);
      metrics.changed('keep-sign-in');
      return { claims: claims ?? '' };
    },
  };
}
