import { sleep } from '@sallyport/chassis/deadline';
import { asGatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import { parseExact, refusal } from '@sallyport/turn';
import type { BrokerTool } from '../catalog/catalog.ts';
import type { OnceCall, OnceCalls } from './once-calls.ts';
import { notCalled, type RanTool } from './run-tool.ts';

const LOOK_MS = 250;
/** A replica is given this much beyond the call's own time before nobody knows what became of the call. */
const LEEWAY_MS = 15_000;
/** Larger outcomes are not kept: their call is not made again either, but what it came to is told once only. */
const MAX_OUTCOME = 1024 * 1024;

/** What makes a call once. */
export interface Once {
  readonly calls: OnceCalls;
  readonly log: Logger;
}

/**
 * Makes a call unless its key has been used: then the answer is what the call came to the first time, by whichever replica
 * it was made. Where it failed so that nobody knows whether the tool did something, it is made again only where the
 * administrator says that it may be made twice. Throws GatewayError where the call fails, or where it cannot be known
 * whether it was made.
 */
export async function runOnce(
  { calls, log }: Once,
  call: OnceCall,
  tool: BrokerTool,
  signal: AbortSignal,
  run: () => Promise<RanTool>,
): Promise<RanTool> {
  for (;;) {
    const begun = await calls.begin(call, tool.timeoutMs + LEEWAY_MS);
    if (begun.state === 'first') break;
    if (begun.state === 'done') return parseExact(begun.outcome) as RanTool;
    if (begun.state !== 'running') return notCalled('key_used', refusal('key_used').text);
    await sleep(LOOK_MS, signal);
  }
  const release = () =>
    calls.release(call).catch((error: unknown) => log.warn('A key of a call could not be given back', { error }));
  let ran: RanTool;
  try {
    ran = await run();
  } catch (error) {
    if (asGatewayError(error).details?.notMade === true || mayBeMadeTwice(tool)) await release();
    throw error;
  }
  const { whileDown } = ran;
  // What is said in the place of a server is not what the call came to.
  if (whileDown !== undefined) {
    if (whileDown.notMade || mayBeMadeTwice(tool)) await release();
    return ran;
  }
  const outcome = JSON.stringify(ran);
  // One that asks its caller for something has not come to its end: it is sent again, with that, under the same key.
  if (ran.notCalled !== undefined || ran.answer.asks === true) await release();
  else if (outcome.length <= MAX_OUTCOME) {
    // The call was made, so its answer counts, whether or not it can be told again.
    await calls.done(call, outcome).catch((error: unknown) => log.warn('An outcome could not be kept', { error }));
  }
  return ran;
}

/** Tells whether a call of a tool that was made twice has done no more than one. */
export function mayBeMadeTwice({ server, definition, toolClass }: BrokerTool): boolean {
  // What an agent of this gateway did in a turn that failed has effects, though its message has none.
  if (server.spec.turnLoop !== undefined) return false;
  return toolClass === 'read' || server.spec.tools.some((one) => one.name === definition.name && one.idempotent);
}
