import type { Origin } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { type JsonValue, parseStrict } from '@sallyport/turn/canonical-json';
import type { ToolClass } from '@sallyport/turn/decision';
import type { Label } from '@sallyport/turn/label';
import { LaterValue } from './expression.ts';
import type { ToolRefFields } from './tool.ts';

/** Longest JSON text that rules look into, in characters; broker and proxy bound what they send below this. */
export const MAX_JSON_LENGTH = 4 * 1024 * 1024;

/** The variable `tool`. The owner of a client's or provider's tool stands in `server`, which such a tool has not. */
export function toolValue(tool: ToolRefFields, toolClass: ToolClass): LaterValue {
  return new LaterValue(() => ({
    server: tool.server === '' ? tool.owner : tool.server,
    name: tool.name,
    class: toolClass,
  }));
}

/** The variable `principal`. */
export function principalValue(principal: Principal): LaterValue {
  return new LaterValue(() => {
    const { id, user, teams, customer, client, origin, tags } = principal;
    return { id, user, teams: [...teams], customer, client, origin, tags: [...tags] };
  });
}

/** The variable `context`: the join of everything in play. */
export function contextValue(context: Label): LaterValue {
  return new LaterValue(() => ({ trusted: context.integrity === 'trusted', sources: [...context.sources] }));
}

/** The variable `origins`: JSON pointer of an argument → where its value came from. */
export function originsValue(origins: readonly Pick<Origin, 'pointer' | 'origin'>[]): LaterValue {
  return new LaterValue(() => Object.fromEntries(origins.map(({ pointer, origin }) => [pointer, origin])));
}

/** Reads JSON for rules, every number as it is written; undefined when it is none, ambiguous (a key twice) or too long. */
export function readJson(text: string): JsonValue | undefined {
  if (text.length > MAX_JSON_LENGTH) return undefined;
  try {
    return parseStrict(text, { exactNumbers: true });
  } catch {
    return undefined;
  }
}
