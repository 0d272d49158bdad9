import { type CelInput, celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { z } from 'zod';
import { maxRuleList } from './rule-cost.ts';
import { expressionFault } from './rule-expression.ts';
import { ruleFunctions } from './rule-types.ts';

/** What an expression over claims may be asked for: a name, names, or whether something holds. */
export type ClaimsType = 'string' | 'strings' | 'bool';

/** What it gives. */
export type ClaimsValue<Type extends ClaimsType> = Type extends 'string'
  ? string
  : Type extends 'strings'
    ? readonly string[]
    : boolean;

/** A field that holds CEL over `claims` (the members of a token's payload) and gives a type; checked as rules are. */
export function claimsExpression(type: ClaimsType) {
  return z
    .string()
    .min(1)
    .max(2048)
    .superRefine((text, context) => {
      const message = expressionFault(text, 'claims', type);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    });
}

// Functions whose result can be longer than what goes in would void the bound on cost, as in rules.
const ENVIRONMENT = celEnv({ funcs: strings.filter((one) => Object.hasOwn(ruleFunctions, one.name)) });

/**
 * Compiles an accepted expression once. The function returned gives its value, or undefined where it fails: a claim is
 * absent, another type comes out, a list or map within the claims is longer than the bound on cost allows for.
 */
export function compileClaims<Type extends ClaimsType>(
  text: string,
  type: Type,
): (claims: Readonly<Record<string, unknown>>) => ClaimsValue<Type> | undefined {
  const run = plan(ENVIRONMENT, parse(text)) as (values: Record<string, CelInput>) => unknown;
  return (claims) => {
    try {
      if (longestOf(claims) > maxRuleList) return undefined;
      const value = run({ claims: claims as CelInput });
      return (isCelError(value) ? undefined : takenAs(value, type)) as ClaimsValue<Type> | undefined;
    } catch {
      return undefined;
    }
  };
}

function takenAs(value: unknown, type: ClaimsType): unknown {
  if (type === 'bool') return typeof value === 'boolean' ? value : undefined;
  if (type === 'string') return typeof value === 'string' ? value : undefined;
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value)) return undefined;
  const items = [...(value as Iterable<unknown>)];
  return items.every((item) => typeof item === 'string') ? items : undefined;
}

/** Size of the longest list or map in a JSON value. */
function longestOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const members = Object.values(value);
  return members.reduce<number>((longest, member) => Math.max(longest, longestOf(member)), members.length);
}
