import { create } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import { type Presentation, type Question, QuestionSchema } from '@sallyport/proto/policy/v1/policy_pb';
import type { ExtractResponse } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import {
  addHandle,
  addValue,
  childPointer,
  exactText,
  handleIdOf,
  isExactNumber,
  type JsonValue,
  join,
  type Label,
  parseExact,
  TRUSTED,
  untrusted,
} from '@sallyport/turn';
import { noteUntrusted } from './fingerprint.ts';
import type { Gate } from './gate.ts';
import { recordQuarantine } from './record.ts';
import { originName, sourceOf } from './source.ts';
import type { Turn, TurnTool } from './turn.ts';

/** Reading takes a model call of its own. */
const EXTRACT_TIMEOUT_MS = 120_000;

/** A result that a model may see only through quarantine. */
export interface Unread {
  readonly question: Question | undefined;
  readonly presentation: Presentation | undefined;
  readonly content: string;
  /** '' for none. */
  readonly structuredJson: string;
  /** As the model wrote them: what the result repeats of them is shown again. */
  readonly argumentsJson: string;
  /** What policy says of the result; its audience is that of all values in it. */
  readonly label: Label;
  /** Of the policy that asks: another one has content read anew. */
  readonly policyRevision: string;
}

/** What the model is shown instead, and the label of the values behind it. */
export interface ReadApart {
  readonly answerJson: string;
  readonly handles: readonly string[];
  readonly label: Label;
}

/** Tells whether policy said how a result is to be read. */
export function mayBeRead(asked: {
  readonly question?: Question | undefined;
  readonly presentation?: Presentation | undefined;
}): boolean {
  return asked.question !== undefined || asked.presentation !== undefined;
}

/**
 * Has quarantine show a result: masked as policy's presentation says, read by a model for a question, or both; records the
 * exchange. What stands in plain and behind handles becomes known to the turn. Throws where nothing could be shown.
 */
export async function readApart(gate: Gate, turn: Turn, tool: TurnTool, unread: Unread): Promise<ReadApart> {
  const { question, presentation, content, structuredJson, argumentsJson, policyRevision } = unread;
  const startedAtMs = Date.now();
  const step = ++turn.step;
  const answer = await gate.clients.quarantine.extract(
    {
      principal: turn.principal,
      trajectory: turn.trajectory,
      turn: turn.id,
      step: String(step),
      tool: tool.name,
      ...(question ? { question } : {}),
      ...(presentation ? { presentation } : {}),
      content,
      structuredJson,
      outputSchemaJson: tool.outputSchemaJson ?? '',
      argumentsJson,
      policyRevision,
    },
    { timeoutMs: EXTRACT_TIMEOUT_MS, signal: turn.signal },
  );
  recordQuarantine(gate, turn, { tool, question: question ?? create(QuestionSchema), answer, startedAtMs, step });
  if (answer.answerJson === '') throw new GatewayError('upstream_invalid', 'Quarantine gave no answer.');
  const label = join(untrusted(sourceOf(tool)), { ...TRUSTED, audience: unread.label.audience });
  know(turn, tool, answer, unread, label);
  const trusted = new Set((answer.trusted ?? []).map(({ path }) => path));
  noteUntrusted(
    gate,
    turn,
    { text: content, structuredJson },
    { source: sourceOf(tool), said: argumentsJson, trusted },
  );
  return { answerJson: answer.answerJson, handles: answer.handles, label };
}

/** Adds to the corpus what the model will see of the answer, each value with the label that it has. */
function know(turn: Turn, tool: TurnTool, answer: ExtractResponse, unread: Unread, label: Label): void {
  for (const id of answer.handles) turn.handles.add(id);
  const { corpus } = turn;
  if (!corpus) return;
  const from = originName(tool);
  const vouched = { ...TRUSTED, audience: unread.label.audience };
  const trusted = new Set<string>();
  for (const { path, valueJson } of answer.trusted ?? []) {
    const value = parseExact(valueJson) as JsonValue;
    trusted.add(path);
    addValue(corpus, from, path, value, vouched);
  }
  for (const id of answer.handles) addHandle(corpus, id, from, '', label);
  const said = spoken(unread.argumentsJson);
  const visit = (value: JsonValue, path: string): void => {
    const id = handleIdOf(value);
    if (id !== undefined && value !== null && typeof value === 'object') {
      const { path: field } = value as { path?: JsonValue };
      addHandle(corpus, id, from, typeof field === 'string' ? field : '', label);
    } else if (value !== null && typeof value === 'object' && !isExactNumber(value)) {
      const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
      for (const [key, child] of entries) visit(child, childPointer(path, key));
    } else if (!trusted.has(path) && !said(value)) {
      addValue(corpus, from, path, value, label);
    }
  };
  visit(parseExact(answer.answerJson) as JsonValue, '');
}

/** Tells of a value whether the model had said it itself in the arguments: then the result only repeats it. */
function spoken(argumentsJson: string): (value: JsonValue) => boolean {
  const words = new Set<JsonValue>();
  const visit = (value: JsonValue): void => {
    if (isExactNumber(value)) words.add(exactText(value));
    else if (value !== null && typeof value === 'object') for (const child of Object.values(value)) visit(child);
    else words.add(value);
  };
  try {
    visit(parseExact(argumentsJson || 'null') as JsonValue);
  } catch {
    // Free text, or nothing that could be read: it repeats nothing.
  }
  return (value) => words.has(isExactNumber(value) ? exactText(value) : value);
}
