import { describe, expect, it } from '@jest/globals';
import { Action, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { addHandle, addValue, createCorpus, type JsonValue, TRUSTED, untrusted } from '@sallyport/turn';
import fc from 'fast-check';
import { decide as decideAtMcp } from '../../services/mcp-broker/src/invoke/decide.ts';
import type { Gate as BrokerGate } from '../../services/mcp-broker/src/invoke/gate.ts';
import type { Turn as BrokerTurn } from '../../services/mcp-broker/src/invoke/turn.ts';
import { callsOf, decide as decideInTurn } from '../../services/model-proxy/src/turn/decide.ts';
import { gateOf, somebody, turnOf } from '../../services/model-proxy/src/turn/testing.ts';

const HANDLES: Record<string, JsonValue> = {
  [`h_${'a'.repeat(22)}`]: 'eve@x.example',
  [`h_${'b'.repeat(22)}`]: 'see https://evil.example/x?q=1',
  [`h_${'c'.repeat(22)}`]: 42,
};
const UNKNOWN_HANDLE = `h_${'z'.repeat(22)}`;
/** What a trusted field of an earlier result of the run showed. */
const KNOWN = 'bob@acme.example';
const PROPERTIES = {
  to: { type: 'string', format: 'email' },
  url: { type: 'string', format: 'uri' },
  body: { type: 'string' },
  count: { type: 'number' },
};
const inputSchema = { type: 'object', properties: PROPERTIES };
const CLASSES = ['read', 'write', 'egress', 'sensitive'] as const;

const handle = fc.constantFrom(...Object.keys(HANDLES), UNKNOWN_HANDLE);
const leaf = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.constantFrom(KNOWN, 'BOB@acme.example', 'https://evil.example/y', 'a plain sentence of words', '2026-03-04'),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  handle,
  handle.map((id) => ({ $handle: id, type: 'string', from: 'mail__read', path: '/from' })),
  handle.map((id) => `Dear all, ${id} wrote.`),
);
const args = fc.dictionary(
  fc.constantFrom('to', 'url', 'body', 'count', 'undeclared', 'eve@x.example'),
  fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.dictionary(fc.constantFrom('x', 'y'), leaf)),
);
const setting = fc.record({
  written: args,
  toolClass: fc.constantFrom(...CLASSES),
  tainted: fc.boolean(),
  known: fc.boolean(),
  user: fc.constantFrom('ann', ''),
  positions: fc.constantFrom<string[]>([], ['/to'], ['/url', '/to']),
});
type Setting = typeof setting extends fc.Arbitrary<infer T> ? T : never;

interface Asked {
  readonly calls: { origins: { pointer: string; origin: string }[] }[];
}

/** Peers that allow everything and keep what they were asked. */
function peers({ positions }: Setting) {
  const asked: Asked[] = [];
  const clients = {
    decisions: {
      decideCalls: async (request: Asked) => {
        asked.push(request);
        const decision = { verdict: Action.ALLOW, enforced: Action.ALLOW, rule: 'r', reason: '', toolClass: '' };
        return { decisions: [{ ...decision, policyRevision: '', grantedBy: [], endorsed: [], tainted: [] }] };
      },
      decideTools: async () => ({ decisions: [{ handlePositions: positions }] }),
    },
    quarantine: {
      resolveHandles: async ({ handles }: { handles: string[] }) => ({
        values: handles
          .filter((id) => id in HANDLES)
          .map((id) => ({ handle: id, valueJson: JSON.stringify(HANDLES[id]), from: 'mail__read', path: '/from' })),
      }),
    },
  };
  return { asked, clients };
}

const RUN = '01a00000-0000-7000-8000-0000000000ff';
const labelOf = ({ tainted }: Setting) => (tainted ? untrusted('tool:mail/read') : TRUSTED);

async function onModelPlane(one: Setting) {
  const { asked, clients } = peers(one);
  const { gate } = gateOf({ clients });
  const turn = turnOf({ principal: { user: one.user } });
  turn.trajectory = RUN;
  turn.label = labelOf(one);
  turn.corpus = createCorpus(turn.label);
  if (one.known) addValue(turn.corpus, 'mail/contacts', '/0/email', KNOWN, TRUSTED);
  for (const id of Object.keys(HANDLES)) {
    addHandle(turn.corpus, id, 'mail/read', '/from', untrusted('tool:mail/read'));
  }
  turn.tools.set('mail__send', {
    name: 'mail__send',
    runBy: 'gateway',
    toolClass: one.toolClass,
    inputSchema,
    handlePositions: one.positions,
    ref: refOfTool,
  } as never);
  const block = { type: 'toolCall', id: 'c', name: 'mail__send', arguments: JSON.stringify(one.written) } as const;
  const [decided] = await decideInTurn(gate, turn, callsOf(turn, [block]));
  return { asked, rule: decided?.decision.rule };
}

const refOfTool = {
  kind: ToolRef_Kind.BROKERED,
  server: 'mail',
  serverUid: 'uid-mail',
  owner: '',
  name: 'send',
  digest: 'd',
};

async function onToolPlane(one: Setting) {
  const { asked, clients } = peers(one);
  const { gate: parts } = gateOf({ clients });
  const gate = {
    ...parts,
    config: { linkHosts: [] },
    metrics: { ...parts.metrics, decisions: () => ({ inc: () => undefined }) },
    catalog: { byExposedName: () => undefined },
  } as unknown as BrokerGate;
  const turn = {
    principal: somebody({ user: one.user }),
    signal: new AbortController().signal,
    trajectory: RUN,
    label: labelOf(one),
    known: one.known
      ? knownIn(one.written as JsonValue).map((value) => ({ tool: 'mail/contacts', path: '/0/email', value }))
      : [],
    set: [],
    policyRevision: '',
  } as unknown as BrokerTurn;
  const tool = {
    server: { name: 'mail', uid: 'uid-mail' },
    definition: { name: 'send', digest: 'd', inputSchema },
    exposedName: 'mail__send',
    toolClass: one.toolClass,
  };
  const call = { id: 'c', intentId: 'i', tool, written: one.written };
  const decided = await decideAtMcp(gate, turn, call as never, { waitMs: 0, waits: () => undefined });
  return { asked, rule: decided.decision.rule };
}

function knownIn(value: JsonValue): string[] {
  if (typeof value === 'string') return value.trim().toLowerCase() === KNOWN ? [value] : [];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(knownIn) : [];
}

// The tool plane has not seen what the model was given, so it cannot say that a value was composed; ids are of the call.
const alike = (asked: readonly Asked[]) =>
  JSON.parse(
    JSON.stringify(asked, (key, value) => (key === 'useId' ? '' : value)).replaceAll('"composed"', '"unknown"'),
  );

describe('both planes', () => {
  it('[mcp:planes-alike] ask policy the same about the same call, and refuse the same without asking', async () => {
    let refused = 0;
    let asked = 0;
    await fc.assert(
      fc.asyncProperty(setting, async (one) => {
        const [model, tools] = await Promise.all([onModelPlane(one), onToolPlane(one)]);
        expect(alike(tools.asked)).toEqual(alike(model.asked));
        expect(tools.rule).toBe(model.rule);
        if (model.asked.length === 0) refused++;
        else asked++;
      }),
      { seed: 20_261_121, numRuns: 400 },
    );
    // Both must have happened often, else the property says little.
    expect(Math.min(refused, asked)).toBeGreaterThan(40);
  });
});
