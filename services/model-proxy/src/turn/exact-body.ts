import { hasBeyondDouble, isExactNumber, parseExact } from '@sallyport/turn';
import { isObject } from '../chat/json.ts';
import type { FrontDialect, JsonObject } from '../chat/message.ts';
import { frontOf } from '../fronts/index.ts';
import type { Arrival } from './admit.ts';

/** Dialects in which arguments and results are values, with where their messages stand; in the others they are texts. */
const MESSAGES: Partial<Record<FrontDialect, string>> = { 'anthropic-messages': 'messages', gemini: 'contents' };
const ARGUMENTS: ReadonlySet<string> = new Set(['input', 'args', 'response']);

/**
 * A request in which the numbers in the arguments of calls, and in results, are kept as they were written where no double holds
 * them: an id that is written anew would be another one. All other numbers are read as ever. A request without calls is not
 * looked at.
 */
export function withExactArguments(arrival: Arrival): Arrival {
  const { dialect, body, bytes, facts } = arrival;
  const messages = MESSAGES[dialect];
  if (messages === undefined) return arrival;
  if (facts.toolResults.length === 0 && facts.assistant.every(({ toolCalls }) => toolCalls.length === 0))
    return arrival;
  const text = bytes.toString();
  if (!hasBeyondDouble(text)) return arrival;
  const written = (parseExact(text) as JsonObject)[messages];
  keepInArguments(written, false);
  const exact = { ...body, [messages]: written };
  return { ...arrival, body: exact, facts: frontOf(dialect).parseRequest(exact).facts };
}

function keepInArguments(value: unknown, inside: boolean): void {
  if (Array.isArray(value)) {
    for (const [index, child] of value.entries()) {
      if (!isExactNumber(child)) keepInArguments(child, inside);
      else if (!inside) value[index] = Number(child.rawJSON);
    }
  } else if (isObject(value)) {
    for (const [key, child] of Object.entries(value)) {
      const within = inside || ARGUMENTS.has(key);
      if (!isExactNumber(child)) keepInArguments(child, within);
      else if (!within) value[key] = Number(child.rawJSON);
    }
  }
}
