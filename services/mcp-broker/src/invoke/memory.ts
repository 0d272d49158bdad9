import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import { wireLabel } from '@sallyport/peers/decision-wire';
import type { TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import { digestOf, type JsonValue, join, type Label, type StepResult } from '@sallyport/turn';
import type { Gate } from './gate.ts';
import type { Shown } from './shown.ts';
import type { Turn } from './turn.ts';

const TIMEOUT_MS = 2_000;

/** Tells policy what was given to a client, so that it is known when it comes back to either plane. */
export interface Memory {
  /** Durable when it resolves: a run whose taint is not kept would be clean at the next call. */
  remember(turn: Turn, exposedName: string, result: StepResult<Shown>, shown: Shown): Promise<void>;
}

/** Makes the memory over policy's TrajectoryService. */
export function resultMemory(
  client: Pick<Client<typeof TrajectoryService>, 'remember'>,
  digest: Gate['digest'],
  log: Logger,
): Memory {
  return {
    async remember(turn, exposedName, result, shown) {
      const { principal } = turn;
      const label: Label = join(turn.label, result.contextLabel);
      const scope = { tenant: principal.tenant, user: principal.user || principal.id, trajectory: '' };
      const forms = formsOf(shown).map((form) => digestOf(digest, scope, form));
      const owner = { tenant: principal.tenant, principalId: principal.id, user: principal.user };
      const nothing = { callIds: [], assistantDigest: '', digests: [] };
      const released = [
        {
          ...owner,
          ...nothing,
          trajectory: turn.trajectory,
          label: wireLabel(label),
          // What reading the result adds to a run, which for typed answers of quarantine is nothing.
          digests: [...new Set(forms)].map((one) => ({
            digest: one,
            label: wireLabel(result.contextLabel),
            kind: 'result',
            tool: exposedName,
          })),
          steps: turn.step,
        },
        ...(label.integrity === 'untrusted' ? turn.standing : []).map((standing) => ({
          ...owner,
          ...nothing,
          trajectory: standing,
          label: wireLabel(label),
          steps: 0,
        })),
      ];
      await client.remember({ released }, { timeoutMs: TIMEOUT_MS }).catch((error: unknown) => {
        log.warn('What a tool gave could not be remembered', { tool: exposedName, error });
        throw error;
      });
    },
  };
}

/** The forms in which clients hand a result to a model: its text, its structured content, its list of blocks. */
function formsOf({ text, result }: Shown): JsonValue[] {
  const forms: JsonValue[] = [text];
  if (result.structuredContent !== undefined) forms.push(result.structuredContent as JsonValue);
  forms.push(result.content as JsonValue);
  return forms;
}
