import type { MessageInitShape } from '@bufbuild/protobuf';
import { asGatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import { wireLabel } from '@sallyport/peers/decision-wire';
import { batchLength, type Releases } from '@sallyport/peers/release-batch';
import { untrustedFingerprints } from '@sallyport/peers/value-fingerprints';
import type { ShowingSchema, TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import {
  type Digest,
  digestOf,
  type JsonValue,
  join,
  type Label,
  parseExact,
  type StepResult,
  sameLabel,
  TRUSTED,
} from '@sallyport/turn';
import type { BrokerTool } from '../catalog/catalog.ts';
import type { JsonObject } from '../catalog/definition.ts';
import type { Gate } from './gate.ts';
import { digestsToKeep, leavesOf } from './known-values.ts';
import { nameInRules } from './prepare.ts';
import type { PlacedValue, Shown, ShownTool } from './shown.ts';
import type { Turn } from './turn.ts';

const TIMEOUT_MS = 2_000;

/** What became of a call, as far as it is remembered. */
export type ShownResult = Pick<StepResult<Shown>, 'status' | 'label' | 'contextLabel'> & Partial<StepResult<Shown>>;

/** A call whose result is shown; its arguments as they were written. */
export interface ShownCall {
  readonly tool: BrokerTool;
  readonly written: JsonObject;
  /** Join of the labels of the run and of what was filled into the arguments; absent: that of the run. */
  readonly label?: Label;
}

/** The same of any tool whose results are remembered, the gateway's own too. */
export type RememberedCall = Omit<ShownCall, 'tool'> & { readonly tool: ShownTool };

/** Tells policy what was given to a client, so that it is known when it comes back to either plane. */
export interface Memory {
  /** Durable when it resolves: a run whose taint is not kept would be clean at the next call. */
  remember(turn: Turn, call: RememberedCall, result: ShownResult, shown: Shown): Promise<void>;
  /**
   * What policy is to remember with its decision on a result, should it allow it; undefined where results of this tool are
   * not shown as they are. What is told fits how the last result of the tool was decided: if this one is decided
   * otherwise, policy says so and `remember` is next.
   */
  showing(turn: Turn, call: ShownCall, shown: Shown): ShowingInit | undefined;
  /** Takes note of how a result of a tool was decided. */
  decided(turn: Turn, call: ShownCall, result: StepResult<Shown>): void;
}

/** As policy takes it. */
export type ShowingInit = MessageInitShape<typeof ShowingSchema>;

/** Makes the memory over policy's TrajectoryService. */
export function resultMemory(
  client: Pick<Client<typeof TrajectoryService>, 'remember'>,
  digest: Gate['digest'],
  log: Logger,
): Memory {
  const together = grouped(client);
  const told = toldLabels();
  const outcomes = lastOutcomes();
  const formsIn = ({ principal }: Turn, shown: Shown) => {
    const scope = { tenant: principal.tenant, user: principal.user || principal.id, trajectory: '' };
    return [...new Set(formsOf(shown).map((form) => digestOf(digest, scope, form)))];
  };
  return {
    showing(turn, call, shown) {
      const last = outcomes.of(turn, call);
      if (last === 'apart') return undefined;
      const label = join(turn.label, call.label ?? TRUSTED);
      const trusted = label.integrity === 'trusted' && last === 'trusted';
      const structured = shown.structuredJson !== '';
      const places = structured && trusted ? leavesOf(parseExact(shown.structuredJson) as JsonValue) : [];
      return {
        context: wireLabel(label),
        tool: call.tool.exposedName,
        forms: formsIn(turn, shown),
        vouched: digestsToKeep(digest, turn, nameInRules(call.tool), places).map((one) => ({ ...one, kind: 'result' })),
        fingerprints: trusted ? [] : fingerprintsOf(digest, turn, call, shown),
        toldTrusted: trusted || !structured,
        toldUntrusted: !trusted,
        standing: [...turn.standing],
        steps: turn.step,
      };
    },
    decided(turn, call, { status, label }) {
      if (status === 'done') outcomes.set(turn, call, label.integrity);
      else if (status === 'quarantined') outcomes.set(turn, call, 'apart');
    },
    async remember(turn, call, result, shown) {
      const { principal } = turn;
      const { tool } = call;
      const { exposedName } = tool;
      const label: Label = join(turn.label, result.contextLabel);
      const forms = formsIn(turn, shown);
      const owner = { tenant: principal.tenant, principalId: principal.id, user: principal.user };
      const nothing = { callIds: [], assistantDigest: '', digests: [] };
      const contextLabel = wireLabel(result.contextLabel);
      const untold = label.integrity === 'trusted' ? [] : turn.standing.filter((one) => !told.has(one, label));
      const vouched = digestsToKeep(digest, turn, nameInRules(tool), trustedIn(result, shown));
      const released = [
        {
          ...owner,
          ...nothing,
          trajectory: turn.trajectory,
          label: wireLabel(label),
          // What reading the result adds to a run, which for typed answers of quarantine is nothing.
          digests: [
            ...forms.map((one) => ({
              digest: one,
              label: contextLabel,
              kind: 'result',
              tool: exposedName,
            })),
            ...vouched.map((one) => ({ ...one, label: wireLabel(TRUSTED), kind: 'result' })),
          ],
          fingerprints: fingerprintsIn(digest, turn, call, result, shown),
          steps: turn.step,
        },
        ...untold.map((standing) => ({
          ...owner,
          ...nothing,
          trajectory: standing,
          label: wireLabel(label),
          steps: 0,
        })),
      ];
      await together(released).catch((error: unknown) => {
        log.warn('What a tool gave could not be remembered', { tool: exposedName, error });
        throw error;
      });
      for (const standing of untold) told.set(standing, label);
    },
  };
}

const MAX_TOOLS = 10_000;
type Outcome = 'trusted' | 'untrusted' | 'apart';

/** How the last result of each tool was decided. */
function lastOutcomes() {
  const held = new Map<string, Outcome>();
  const keyOf = ({ principal }: Turn, { tool }: ShownCall) =>
    `${principal.tenant}\n${tool.server.uid}\n${tool.definition.name}`;
  return {
    of: (turn: Turn, call: ShownCall): Outcome | undefined => held.get(keyOf(turn, call)),
    set(turn: Turn, call: ShownCall, outcome: Outcome): void {
      const key = keyOf(turn, call);
      if (held.size >= MAX_TOOLS && !held.has(key)) held.delete(held.keys().next().value as string);
      held.set(key, outcome);
    },
  };
}

const MAX_TOLD = 10_000;
/** Far below the time for which policy keeps a run. */
const TOLD_MS = 10 * 60_000;

/** Labels of runs that policy is known to keep already, so that tomorrow's run is not told of each call of today. */
function toldLabels() {
  const held = new Map<string, { readonly label: Label; readonly atMs: number }>();
  return {
    has(run: string, label: Label): boolean {
      const one = held.get(run);
      return one !== undefined && sameLabel(one.label, label) && Date.now() - one.atMs < TOLD_MS;
    },
    set(run: string, label: Label): void {
      held.delete(run);
      if (held.size >= MAX_TOLD) held.delete(held.keys().next().value as string);
      held.set(run, { label, atMs: Date.now() });
    },
  };
}

/** Most releases of one request to policy; as many calls as wait here at most. */
const MAX_GROUP = 64;

interface Waiting {
  readonly released: Releases;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Sends what comes while a request is under way as one request after it: a commit costs policy the same for one release
 * and for many. Nothing waits where nothing is under way. Each caller's promise is settled by the request that took it;
 * where policy refuses a group, each of it is sent by itself, so that nobody's results are withheld for another's.
 */
function grouped(client: Pick<Client<typeof TrajectoryService>, 'remember'>): (released: Releases) => Promise<void> {
  let waiting: Waiting[] = [];
  let sending = false;
  const remember = (group: readonly Waiting[]) =>
    client.remember({ released: group.flatMap((one) => one.released) }, { timeoutMs: TIMEOUT_MS });
  const alone = (one: Waiting) => remember([one]).then(one.done, one.failed);
  const send = async () => {
    sending = true;
    for (; waiting.length > 0; ) {
      const group = waiting.slice(0, groupLength(waiting));
      waiting = waiting.slice(group.length);
      try {
        await remember(group);
        for (const one of group) one.done();
      } catch (error) {
        if (group.length > 1 && refused(error)) await Promise.all(group.map(alone));
        else for (const one of group) one.failed(error);
      }
    }
    sending = false;
  };
  return (released) =>
    new Promise((done, failed) => {
      waiting.push({ released, done, failed });
      if (!sending) void send();
    });
}

/** Whole entries, as many as go out together. */
function groupLength(waiting: readonly Waiting[]): number {
  const first = waiting.slice(0, MAX_GROUP);
  let left = batchLength(
    first.flatMap((one) => one.released),
    Number.POSITIVE_INFINITY,
  );
  let length = 0;
  for (const { released } of first) {
    left -= released.length;
    if (left < 0) break;
    length++;
  }
  return Math.max(1, length);
}

// The answer is about what was sent; what is away or late would be so for each alone.
function refused(error: unknown): boolean {
  return !['unavailable', 'deadline_exceeded', 'upstream_timeout', 'cancelled'].includes(asGatewayError(error).code);
}

/** What a client now knows by fields that nobody outside can write. */
function trustedIn({ status, label }: ShownResult, shown: Shown): readonly PlacedValue[] {
  if (status === 'quarantined') return shown.trusted ?? [];
  const trusted = status === 'done' && label.integrity === 'trusted' && shown.structuredJson !== '';
  return trusted ? leavesOf(parseExact(shown.structuredJson) as JsonValue) : [];
}

/** Fingerprints of what outsiders brought, shown or behind handles: in another run it is still theirs. */
function fingerprintsIn(digest: Digest, turn: Turn, call: RememberedCall, result: ShownResult, shown: Shown) {
  const { status, label } = result;
  if (label.integrity === 'trusted' || (status !== 'done' && status !== 'quarantined')) return [];
  return fingerprintsOf(digest, turn, call, shown);
}

function fingerprintsOf(digest: Digest, turn: Turn, call: RememberedCall, shown: Shown) {
  const source = `tool:${nameInRules(call.tool)}`;
  const trusted = new Set((shown.trusted ?? []).map(({ path }) => path));
  const notTheirs = { said: JSON.stringify(call.written), trusted };
  const found = untrustedFingerprints(digest, turn.principal, shown.unread ?? shown, notTheirs);
  return found.map((one) => ({ digest: one, source }));
}

/** The forms in which clients hand a result to a model: its text, its structured content, its list of blocks. */
function formsOf({ text, result }: Shown): JsonValue[] {
  const forms: JsonValue[] = [text];
  if (result.structuredContent !== undefined) forms.push(result.structuredContent as JsonValue);
  forms.push(result.content as JsonValue);
  return forms;
}
