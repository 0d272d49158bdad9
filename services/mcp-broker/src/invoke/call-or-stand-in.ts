import type { BrokerTool } from '../catalog/catalog.ts';
import type { JsonObject } from '../catalog/definition.ts';
import { standInOf } from '../catalog/stand-in.ts';
import { toolFilter } from '../catalog/visibility.ts';
import { callerOfCall } from '../upstream/caller.ts';
import type { Patience } from './ask.ts';
import { type Called, callTool } from './call-tool.ts';
import type { Gate } from './gate.ts';
import type { Claim } from './run-of-call.ts';
import type { Turn } from './turn.ts';

/**
 * A `tools/call`; where the tool's server is down and another is declared for that time, a call of that one's tool. This is
 * a call like any other: admitted, limited, decided and recorded as what it is, with the tool whose place it takes. Nothing
 * stands in for what stands in, and it asks nobody.
 */
export async function callOrStandIn(
  gate: Gate,
  turn: Turn,
  claim: Claim,
  tool: BrokerTool,
  written: JsonObject,
  patience: Patience,
): Promise<Called> {
  const called = await callTool(gate, turn, claim, tool, written, patience);
  if (called.down !== true) return called;
  // What a server was told by its client is for no other.
  if (callerOfCall.getStore()?.back !== undefined) return called;
  const found = standInOf(gate.catalog, tool);
  if (found === undefined || 'fault' in found) return called;
  const { principal, access } = turn;
  if (!toolFilter(principal, access)(found.tool) || !gate.catalog.offers(principal, found.tool)) return called;
  turn.standsInFor = tool.exposedName;
  const answered = await askingNobody(() => callTool(gate, turn, claim, found.tool, written, patience));
  return { ...answered, answeredBy: found.tool.exposedName };
}

// What its server asks would be asked by what the other may ask, and told to the other: that is the tool of the call.
async function askingNobody<T>(work: () => Promise<T>): Promise<T> {
  const caller = callerOfCall.getStore();
  if (caller === undefined) return await work();
  const { progress, log, takeLogged, logLevel } = caller;
  const mute = {
    ...(progress === undefined ? {} : { progress }),
    ...(log === undefined ? {} : { log }),
    ...(takeLogged === undefined ? {} : { takeLogged }),
    ...(logLevel === undefined ? {} : { logLevel }),
  };
  return await callerOfCall.run(mute, work);
}
