import { labelOf } from '@sallyport/peers/decision-wire';
import { join } from '@sallyport/turn';
import type { Gate } from './gate.ts';
import type { Turn, TurnCall } from './turn.ts';

const TIMEOUT_MS = 2_000;

/**
 * Before calls with side effects are decided: joins to the label of the turn what its run has read meanwhile in other turns
 * or at `/mcp`. A turn finds its label when it begins, and the model may take minutes. Rejects where policy cannot be asked.
 */
export async function catchUp(gate: Pick<Gate, 'clients'>, turn: Turn, calls: readonly TurnCall[]): Promise<void> {
  const acts = calls.some(({ tool }) => tool !== undefined && tool.toolClass !== 'read');
  if (!acts || turn.label.integrity === 'untrusted' || turn.trajectory === '') return;
  const { trajectory, label } = await gate.clients.trajectories.join(
    { principal: turn.principal, claimed: turn.trajectory, callIds: [], lastAssistantDigest: '', digests: [] },
    { timeoutMs: TIMEOUT_MS, signal: turn.signal },
  );
  // A run of which nothing was kept yet has read nothing.
  if (trajectory === turn.trajectory && label !== undefined) turn.label = join(turn.label, labelOf(label));
}
