import { GatewayError } from '@sallyport/chassis/errors';
import type { Presentation, Question } from '@sallyport/proto/policy/v1/policy_pb';
import type { BrokerTool } from '../catalog/catalog.ts';
import type { JsonObject } from '../catalog/definition.ts';
import type { Gate } from './gate.ts';
import { recordQuarantine } from './record.ts';
import { type Shown, shownReading } from './shown.ts';
import type { Turn } from './turn.ts';

/** Reading takes a model call of its own. */
const EXTRACT_TIMEOUT_MS = 120_000;

/** A result that a client may see only through quarantine. */
export interface Unread {
  readonly question: Question | undefined;
  readonly presentation: Presentation | undefined;
  readonly shown: Shown;
  /** As the client wrote them: what the result repeats of them is shown again. */
  readonly written: JsonObject;
  /** Revision of the policy that decided the result. */
  readonly policyRevision: string;
}

/**
 * Has quarantine show a result as it does on the model plane: masked as policy's presentation says, read by a model for a
 * question, or both; records the exchange with its bits and rung. Throws where nothing could be shown.
 */
export async function readApart(gate: Gate, turn: Turn, tool: BrokerTool, unread: Unread): Promise<Shown> {
  const { question, presentation, shown, written, policyRevision } = unread;
  if (question === undefined && presentation === undefined) {
    throw new GatewayError('unavailable', 'Policy did not say how the result is to be read.');
  }
  const startedAtMs = Date.now();
  const step = ++turn.step;
  const { outputSchema } = tool.definition;
  const answer = await gate.clients.quarantine.extract(
    {
      principal: turn.principal,
      trajectory: turn.trajectory,
      turn: turn.id,
      step: String(step),
      tool: tool.exposedName,
      ...(question ? { question } : {}),
      ...(presentation ? { presentation } : {}),
      content: shown.text,
      structuredJson: shown.structuredJson,
      outputSchemaJson: outputSchema === undefined ? '' : JSON.stringify(outputSchema),
      argumentsJson: JSON.stringify(written),
      policyRevision,
    },
    { timeoutMs: EXTRACT_TIMEOUT_MS, signal: turn.signal },
  );
  recordQuarantine(gate, turn, { tool, question, answer, startedAtMs, step });
  if (answer.answerJson === '') throw new GatewayError('upstream_invalid', 'Quarantine gave no answer.');
  return { ...shownReading(answer), unread: shown };
}
