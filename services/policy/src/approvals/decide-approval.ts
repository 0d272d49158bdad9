import { GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { parseStrict } from '@sallyport/turn/canonical-json';
import { valueAt } from '@sallyport/turn/json-pointer';
import { type StoredApproval, stateAt } from './approval.ts';
import { argumentOf, type Digests, endorsementDigests } from './digests.ts';
import type { EndorsementToKeep } from './endorsement-store.ts';
import { recordOf } from './record.ts';
import { endorsedForGood, type Said, type Spoken, speak } from './speak.ts';
import type { ApprovalKey, ApprovalStore, Outcome } from './store.ts';

/** What deciding an approval needs beside the word. */
export interface DecideApprovalParts {
  readonly store: Pick<ApprovalStore, 'decide'>;
  readonly digests: Digests;
  /** Revision of the rules on the approval's tool as they are now; undefined where they are not known. */
  readonly rulesNow: (approval: StoredApproval) => string | undefined;
}

/**
 * Takes one approver's word, one at a time whatever the replica. A yes that completes an approval endorses the asked
 * values for this run, and others for as long as all approvers said. Rejects as `speak` does; `conflict` also where the
 * rules that asked have changed: the approval is void from then on.
 */
export async function decideApproval(
  parts: DecideApprovalParts,
  key: ApprovalKey,
  said: Said,
): Promise<StoredApproval> {
  const { store, digests, rulesNow } = parts;
  const nowMs = Date.now();
  const decided = await store.decide(key, (approval): Outcome => {
    if (approval === undefined) throw new GatewayError('not_found', 'No such approval.');
    const { content, trajectory } = approval;
    const { tenant, id } = key;
    const spoken = speak(approval, said, nowMs);
    const record = (state: Spoken['state'], fields: Partial<Parameters<typeof recordOf>[0]> = {}) =>
      recordOf({ tenant, id, trajectory, content, state, atMs: nowMs, ...fields });
    if (rulesNow(approval) !== content.rules) {
      const { words, expiresAtMs } = approval;
      return { state: 'void', words, expiresAtMs, endorsements: [], records: [record('void')] };
    }
    const endorsements = spoken.state === 'approved' ? endorsementsOf(digests, approval, spoken) : [];
    const run = endorsements.filter((one) => one.trajectory !== '').length;
    const endorsed = { run, good: endorsements.length - run };
    return { ...spoken, endorsements, records: [record(spoken.state, { word: spoken.words.at(-1), endorsed })] };
  });
  if (stateAt(decided, nowMs) === 'void') {
    throw new GatewayError('conflict', 'The rules that asked have changed, so this approval is void.', {
      details: { state: 'void' },
    });
  }
  return decided;
}

function endorsementsOf(digests: Digests, approval: StoredApproval, spoken: Spoken): EndorsementToKeep[] {
  const { content, trajectory, tenant, id } = approval;
  const args = parseStrict(content.argumentsJson === '' ? '{}' : content.argumentsJson, {
    exactNumbers: true,
  });
  const { pointers, untilMs } = endorsedForGood(spoken.words);
  const asked = content.values.filter((value) => value.asked).map((value) => value.pointer);
  const kept: EndorsementToKeep[] = [];
  const keep = (pointer: string, forRun: string, expiresAtMs: number) => {
    const value = valueAt(args, pointer);
    if (value === undefined) return;
    const argument = argumentOf(pointer, args);
    const { requester, tool } = content;
    kept.push({
      id: uuidv7(),
      principalId: requester.id,
      user: requester.user,
      trajectory: forRun,
      approvalId: id,
      endorsedBy: spoken.words.at(-1)?.user ?? '',
      expiresAtMs,
      digests: endorsementDigests(digests, requester, tool, argument, value).map(([newest]) => newest),
      content: { tool, argument, valueJson: JSON.stringify(value) },
    });
  };
  if (tenant !== content.requester.tenant) throw new GatewayError('internal', 'An approval is of another tenant.');
  // A call that is in no run has none for which its values could be endorsed.
  if (trajectory !== '') for (const pointer of asked) keep(pointer, trajectory, spoken.expiresAtMs);
  for (const pointer of pointers) keep(pointer, '', untilMs);
  return kept;
}
