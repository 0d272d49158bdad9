import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { canonicalJson, type JsonValue } from '@sallyport/turn';
import type { BrokerTool } from '../catalog/catalog.ts';
import type { JsonObject } from '../catalog/definition.ts';
import { sha256 } from '../digests.ts';
import { keptShares } from '../downstream/kept-shares.ts';
import type { Turn } from '../invoke/turn.ts';

/**
 * Answers of models in calls that wait for an approval. People approve a call with what the model said in it; made again,
 * it is answered the same, for a model would hardly say the same again. Kept by one replica.
 */
export interface KeptAnswers {
  /** The answer to the same request at the same place of the same call, where that waits. */
  of(key: string): JsonObject | undefined;
  /** Takes note of an answer in a turn. */
  note(turn: Turn, key: string, answer: JsonObject): void;
  /** The call of a turn has ended: what it was answered is kept where it waits for people, and else forgotten. */
  ended(turn: Turn, waits: boolean): void;
}

const MOST = { all: 1_024, tenant: 256, principal: 32 } as const;
const KEPT_MS = 30 * 60_000;

/** Makes them. */
export function keptAnswers(): KeptAnswers {
  const kept = keptShares<{ readonly answer: JsonObject; readonly untilMs: number }>(MOST);
  const inTurn = new WeakMap<Turn, Map<string, JsonObject>>();
  return {
    of(key) {
      const one = kept.get(key);
      return one === undefined || one.untilMs < Date.now() ? undefined : one.answer;
    },
    note(turn, key, answer) {
      const answers = inTurn.get(turn) ?? new Map<string, JsonObject>();
      inTurn.set(turn, answers.set(key, answer));
    },
    ended(turn, waits) {
      const untilMs = Date.now() + KEPT_MS;
      for (const [key, answer] of inTurn.get(turn) ?? []) {
        if (waits) kept.put(turn.principal, key, { answer, untilMs });
        else kept.drop(key);
      }
    },
  };
}

/** Names a request of a server by whose call of which tool it is in, at what place, and by all that it says. */
export function answerKey(
  { tenant, id, user, actors }: Principal,
  { server, definition }: BrokerTool,
  args: JsonObject,
  place: number,
  params: unknown,
): string {
  const whose = [tenant, id, user, actors.map((actor) => actor.id)];
  const which = [server.uid, server.contentHash, definition.name, definition.digest];
  return sha256(canonicalJson([...whose, ...which, args, place, params] as unknown as JsonValue));
}
