/** What is known of a CEL value before it is there. `dyn`: nothing, everything fits. */
export type RuleType =
  | 'bool'
  | 'string'
  | 'number'
  | 'null'
  | 'bytes'
  | 'type'
  | 'list'
  | 'strings'
  | 'map'
  | 'dyn'
  | RecordType;

/** A value with known fields. */
export type RecordType = { readonly record: Readonly<Record<string, RuleType>> };

const tool: RecordType = { record: { server: 'string', name: 'string', class: 'string' } };
const principal: RecordType = {
  record: {
    id: 'string',
    user: 'string',
    teams: 'strings',
    customer: 'string',
    client: 'string',
    origin: 'string',
    tags: 'strings',
  },
};

/** The variables that an expression may use, by phase. Arguments, results and claims are whatever others say. */
export const ruleVariables = {
  calls: {
    args: 'dyn',
    answers: 'map',
    tool,
    principal,
    context: { record: { trusted: 'bool', sources: 'strings' } },
    origins: 'map',
  },
  results: { result: 'dyn', args: 'dyn', tool, principal, isError: 'bool', sizeBytes: 'number' },
  claims: { claims: 'map' },
} as const satisfies Record<string, Readonly<Record<string, RuleType>>>;

/** What an expression is about: a call, its result, or the claims of a token. */
export type RulePhase = keyof typeof ruleVariables;

/** A function of CEL: the type it is called on (none: a plain function), its parameters and what it returns. */
export type RuleFunction = {
  readonly on?: RuleType;
  readonly takes: readonly RuleType[];
  /** How many of `takes` may be left out at the end. */
  readonly optional?: number;
  readonly returns: RuleType;
};

const onString = (returns: RuleType, ...takes: RuleType[]): RuleFunction => ({ on: 'string', takes, returns });
const cast = (returns: RuleType): RuleFunction => ({ takes: ['dyn'], returns });

/**
 * The functions that rules may call. Those of the strings extension whose result can be longer than what goes in
 * (replace, join, format, split) are left out, since they would void the bound on a rule's cost.
 */
export const ruleFunctions: Readonly<Record<string, RuleFunction>> = {
  startsWith: onString('bool', 'string'),
  endsWith: onString('bool', 'string'),
  contains: onString('bool', 'string'),
  matches: onString('bool', 'string'),
  charAt: onString('string', 'number'),
  indexOf: { ...onString('number', 'string', 'number'), optional: 1 },
  lastIndexOf: { ...onString('number', 'string', 'number'), optional: 1 },
  lowerAscii: onString('string'),
  upperAscii: onString('string'),
  trim: onString('string'),
  substring: { ...onString('string', 'number', 'number'), optional: 1 },
  size: { takes: ['dyn'], returns: 'number' },
  int: cast('number'),
  uint: cast('number'),
  double: cast('number'),
  string: cast('string'),
  bytes: cast('bytes'),
  bool: cast('bool'),
  dyn: cast('dyn'),
  type: cast('type'),
  timestamp: cast('dyn'),
  duration: cast('dyn'),
};

/** Names of types, which stand in expressions as values: `type(x) == string`. */
export const typeNames: ReadonlySet<string> = new Set(
  'bool bytes double int list map null_type string type uint'.split(' '),
);

/** How a type is called in a message. */
export function nameOfType(type: RuleType): string {
  if (typeof type === 'object') return 'object';
  return type === 'strings' ? 'list' : type;
}

/** Tells whether a value of one type can be where the other is wanted. */
export function fits(type: RuleType, wanted: RuleType): boolean {
  const [a, b] = [kindOf(type), kindOf(wanted)];
  return a === 'dyn' || b === 'dyn' || a === b;
}

function kindOf(type: RuleType): string {
  if (typeof type === 'object') return 'map';
  return type === 'strings' ? 'list' : type;
}
