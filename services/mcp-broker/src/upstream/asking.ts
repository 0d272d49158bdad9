import type { Client } from '@modelcontextprotocol/client';
import { ProtocolError } from '@modelcontextprotocol/client';
import { z } from 'zod';
import type { JsonObject } from '../catalog/definition.ts';
import { BROKEN_STREAM } from './ended-stream.ts';

/** What an MCP server says that it has besides tools. */
export interface Offers {
  readonly resources: boolean;
  readonly prompts: boolean;
  readonly completions: boolean;
  /** It tells of changes of single resources. */
  readonly updates: boolean;
}

/** What a server answered to a method: a result, or a refusal in words of its own, which are content like any result's. */
export type Asked =
  | { readonly result: JsonObject }
  | { readonly refusal: string }
  /** It asks the user for something first (`Caller.asked`), as JSON. */
  | { readonly asked: string };

/** Asks a server by one method of MCP. Throws GatewayError where it gave no answer. */
export type Ask = (
  method: string,
  params: JsonObject,
  within: { readonly signal: AbortSignal; readonly timeoutMs: number },
) => Promise<Asked>;

const anything = z.looseObject({});

/** What the server of a connected client says that it has. */
export function offersOf(client: Client): Offers {
  const { resources, prompts, completions } = client.getServerCapabilities() ?? {};
  return {
    resources: resources !== undefined,
    prompts: prompts !== undefined,
    completions: completions !== undefined,
    updates: resources?.subscribe === true,
  };
}

/** Makes `ask` over a connected client; `leadMs` keeps the client's own timeout from firing first. */
export function askBy(client: Client, leadMs: number, fault: (caught: unknown, signal: AbortSignal) => Error): Ask {
  return async (method, params, { signal, timeoutMs }) => {
    try {
      const options = { signal, timeout: timeoutMs + leadMs };
      return { result: (await client.request({ method, params }, anything, options)) as JsonObject };
    } catch (error) {
      if (error instanceof ProtocolError && error.code !== BROKEN_STREAM) return { refusal: error.message };
      throw fault(error, signal);
    }
  };
}
