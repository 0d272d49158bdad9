import { create } from '@bufbuild/protobuf';
import { LabelSchema, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { type Principal, Principal_Kind, PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import type { Mode } from '@sallyport/turn/decision';
import { label, TRUSTED } from '@sallyport/turn/label';
import { z } from 'zod';
import type { RecordView } from '../run-view.ts';
import type { Question } from './question.ts';

const strings = z.array(z.string());
const plainLabel = z.object({ trusted: z.boolean(), sources: strings.default([]), audience: strings.optional() });
const inputs = z.object({
  arguments: z.json(),
  grantedBy: strings.default([]),
  decided: z.object({
    principal: z.object({
      kind: z.enum(Principal_Kind),
      id: z.string(),
      name: z.string().default(''),
      user: z.string().default(''),
      teams: strings.default([]),
      customer: z.string().default(''),
      keyId: z.string().default(''),
      client: z.string().default(''),
      tools: strings.default([]),
      origin: z.string().default(''),
      tags: strings.default([]),
      actors: z
        .array(
          z.object({ id: z.string(), kind: z.string(), teams: strings.default([]), client: z.string().default('') }),
        )
        .default([]),
      // Left out where they are the teams.
      userTeams: strings.optional(),
      claims: z.string().default(''),
    }),
    tool: z.object({
      kind: z.enum(ToolRef_Kind),
      server: z.string().default(''),
      serverUid: z.string().default(''),
      owner: z.string().default(''),
      name: z.string().default(''),
      digest: z.string().default(''),
      class: z.string().default(''),
    }),
    origins: z.array(
      z.object({
        pointer: z.string().default(''),
        origin: z.string().default(''),
        from: z.string().default(''),
        path: z.string().default(''),
        label: z.number().optional(),
        name: z.boolean().default(false),
      }),
    ),
    labels: z.array(plainLabel).min(1),
    endorsed: strings.default([]),
    tainted: z.record(z.string(), z.string()).default({}),
  }),
});

/** A call as it was decided, ready to be decided again. */
export interface RecordedCall {
  readonly record: RecordView;
  readonly question: Question;
  /** Class that its tool had. */
  readonly toolClass: string;
  /** What the rules said before a person let it pass. */
  readonly before: { readonly decision: string; readonly rule: string };
}

/** Tells whether a record is of a decision on a call. */
export function isDecided({ kind, verdict }: RecordView): boolean {
  return (kind === 'tool_intent' || kind === 'tool_refusal') && verdict !== undefined;
}

/**
 * Reads what a call was decided on out of its record; undefined where the record does not hold all of it: it is older, or
 * the call was refused before policy was asked. The tenant is that of the resources to decide by; servers are found by name.
 */
export function recordedCall(record: RecordView, tenant: string, posture: Mode): RecordedCall | undefined {
  const parsed = inputs.safeParse(record.decisionInputs);
  if (!parsed.success || !isDecided(record)) return undefined;
  const { arguments: args, decided, grantedBy } = parsed.data;
  const labels = decided.labels.map(({ trusted, sources, audience }) => ({
    trusted,
    sources,
    public: audience === undefined,
    audience: audience ?? [],
  }));
  const [first] = decided.labels;
  const neutral = first?.trusted === true && first.sources.length === 0 && first.audience === undefined;
  const context = neutral
    ? TRUSTED
    : label(first?.trusted === true ? 'trusted' : 'untrusted', first?.sources, first?.audience ?? 'public');
  const { claims: claimsJson, userTeams = decided.principal.teams, ...who } = decided.principal;
  const principal: Principal = create(PrincipalSchema, { ...who, userTeams, claimsJson, tenant });
  const { class: toolClass, ...tool } = decided.tool;
  const approved = grantedBy.length > 0 && decided.endorsed.length === 0;
  return {
    record,
    toolClass,
    question: {
      phase: 'call',
      principal,
      // Copies of a tool server have another UID than the one whose tool was called.
      tool: { ...tool, serverUid: '' },
      context,
      args,
      origins: decided.origins.map(({ label: at, ...one }) => ({
        ...one,
        ...(at === undefined || labels[at] === undefined ? {} : { label: create(LabelSchema, labels[at]) }),
      })),
      vouching: { endorsed: new Set(decided.endorsed), tainted: new Map(Object.entries(decided.tainted)) },
      approved: false,
      posture,
    },
    before: { decision: approved ? 'ask' : (record.enforced ?? record.verdict ?? ''), rule: record.rule ?? '' },
  };
}
