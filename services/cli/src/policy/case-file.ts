import type { JsonValue } from '@sallyport/turn/canonical-json';
import { isMap, isSeq, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { CommandError } from '../arguments.ts';
import type { SourceFile } from '../lint.ts';
import { ORIGIN_WORDS, type SaidOrigin } from './origins.ts';

const verdict = z.enum(['allow', 'deny', 'ask', 'hide', 'quarantine']);
const toolNames = z.union([
  z
    .string()
    .min(1)
    .transform((one) => [one]),
  z.array(z.string().min(1)).min(1),
]);
const pointer = z.string().regex(/^(?:\/.*)?$/, 'must be a JSON pointer such as /to/0');
const word = z.enum(ORIGIN_WORDS);
const origin = z.union([
  word.transform((one): SaidOrigin => ({ origin: one })),
  z.strictObject({
    origin: word,
    from: z
      .string()
      .regex(/^[^/]+\/.+$/, 'must be server/tool')
      .optional(),
    path: pointer.optional(),
    readers: z.array(z.string()).optional(),
    seen: z.string().min(1).optional(),
    name: z.boolean().optional(),
  }),
]);
const expected = z.union([
  z
    .string()
    .regex(/^(?:allow|deny|ask|hide|quarantine)(?: \S+)?$/, 'must be a decision and, after a blank, a rule')
    .describe('A decision and, after a blank, its rule.'),
  z.strictObject({
    decision: verdict,
    rule: z.string().optional(),
    reason: z.string().optional().describe('Part of the reason.'),
    asked: z.array(pointer).optional(),
    trusted: z.boolean().optional(),
  }),
]);
const principal = z.strictObject({
  user: z.string().optional(),
  teams: z.array(z.string()).optional(),
  customer: z.string().optional(),
  client: z.string().optional(),
  name: z.string().optional(),
  origin: z.string().optional(),
  tags: z.array(z.string()).optional(),
});
const oneCase = z
  .strictObject({
    name: z.string().min(1),
    call: toolNames.optional(),
    result: toolNames.optional(),
    list: toolNames.optional(),
    arguments: z.record(z.string(), z.json()).default({}),
    origins: z.record(pointer, origin).default({}),
    context: z.enum(['trusted', 'untrusted']).default('trusted'),
    principal: principal.default({}),
    approval: z.enum(['none', 'granted']).default('none'),
    mode: z.enum(['Enforce', 'Observe']).default('Enforce').describe('Posture of the installation.'),
    structured: z.json().optional(),
    isError: z.boolean().default(false),
    expect: expected,
  })
  .refine((one) => [one.call, one.result, one.list].filter((named) => named !== undefined).length === 1, {
    message: 'exactly one of call, result and list must name a tool',
  });
const toolClass = z.enum(['Read', 'Write', 'Egress', 'Sensitive']);
const file = z.strictObject({
  server: z.string().default('example').describe('Server of the tools below.'),
  namespace: z.string().default('default'),
  tools: z.record(z.string(), toolClass).default({}),
  cases: z.array(oneCase).min(1),
});

/** What a case expects; what is not said may be anything. */
export type Expectation = Exclude<z.output<typeof expected>, string>;

/** A case, as its author wrote it; one for each tool that it names. */
export type PolicyCase = Omit<z.output<typeof oneCase>, 'call' | 'result' | 'list' | 'arguments' | 'expect'> & {
  readonly phase: 'call' | 'result' | 'list';
  /** Name of a tool of the file's server, or `server/tool`. */
  readonly tool: string;
  readonly arguments: { readonly [name: string]: JsonValue };
  readonly expect: Expectation;
  readonly line: number;
};

/** A file of cases. */
export interface CaseFile {
  readonly path: string;
  readonly server: string;
  readonly namespace: string;
  readonly tools: Readonly<Record<string, z.output<typeof toolClass>>>;
  readonly cases: readonly PolicyCase[];
}

/** Tells a file of cases, by its name or by what it holds, from one of resources. */
export function isCaseFile({ path, text }: SourceFile): boolean {
  return /^cases:/m.test(text) || (/(?:^|[./-])tests\.(?:ya?ml|json)$/.test(path) && !/^apiVersion:/m.test(text));
}

/** Reads a file of cases. Throws CommandError that names each mistake with its line. */
export function readCases({ path, text }: SourceFile): CaseFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, version: '1.2' });
  const broken = document.errors[0];
  if (broken !== undefined) {
    throw new CommandError(`${path}:${broken.linePos?.[0].line ?? 1}: ${broken.message.split('\n')[0]}`, 1);
  }
  const lineOf = (index: number): number => {
    const cases = isMap(document.contents) ? document.contents.get('cases') : undefined;
    const node = isSeq(cases) ? (cases.items[index] as { range?: [number, number, number] }) : undefined;
    return node?.range === undefined ? 1 : lines.linePos(node.range[0]).line;
  };
  const parsed = file.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => {
      const [top, index, ...rest] = issue.path;
      const line = top === 'cases' && typeof index === 'number' ? lineOf(index) : 1;
      const at = (top === 'cases' ? rest : issue.path).map(String).join('.');
      return `${path}:${line}: ${at === '' ? '' : `${at}: `}${issue.message}`;
    });
    throw new CommandError(faults.join('\n'), 1);
  }
  const { server, namespace, tools, cases } = parsed.data;
  return {
    path,
    server,
    namespace,
    tools,
    cases: cases.flatMap(({ call, result, list, expect, ...rest }, index) => {
      const phase = call !== undefined ? 'call' : result !== undefined ? 'result' : 'list';
      return (call ?? result ?? list ?? []).map(
        (tool): PolicyCase => ({ ...rest, phase, tool, expect: expectationOf(expect), line: lineOf(index) }),
      );
    }),
  };
}

function expectationOf(said: z.output<typeof expected>): Expectation {
  if (typeof said !== 'string') return said;
  const [decision, rule] = said.split(' ');
  return { decision: verdict.parse(decision), ...(rule === undefined ? {} : { rule }) };
}
