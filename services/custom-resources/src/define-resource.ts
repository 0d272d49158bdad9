import type { z } from 'zod';

/** The API group of every Sallyport resource. */
export const group = 'sallyport.dev';

/** The one served and stored version. */
export const version = 'v1alpha1';

/** `apiVersion` as it stands in a resource. */
export const apiVersion = `${group}/${version}`;

/** A column of `kubectl get`; `priority: 1` shows it with `-o wide` only. */
export type Column = {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  readonly priority?: 0 | 1;
};

/**
 * A rule over several fields, said twice: as CEL for the API server and as a function for everything that reads YAML
 * without one. `test/resources` holds the two against each other with the same objects.
 */
export type Rule<Value> = {
  readonly cel: string;
  /** What is wrong, in the words of the person who wrote the resource. */
  readonly message: string;
  /** The field to point at, relative to the object that carries the rule, for example `.baseURL`. */
  readonly fieldPath?: string;
  readonly holds: (value: Value) => boolean;
};

/** Attaches rules to an object schema: CEL for the CRD, the same check for `parse`. */
export function withRules<Schema extends z.ZodObject>(
  schema: Schema,
  rules: readonly Rule<z.output<Schema>>[],
): Schema {
  const checked = schema.superRefine((value, context) => {
    for (const rule of rules) {
      if (rule.holds(value as z.output<Schema>)) continue;
      context.addIssue({
        code: 'custom',
        message: rule.message,
        path: rule.fieldPath?.split('.').filter(Boolean) ?? [],
      });
    }
  });
  return checked.meta({
    'x-kubernetes-validations': rules.map(({ cel, message, fieldPath }) => ({
      rule: cel,
      message,
      ...(fieldPath === undefined ? {} : { fieldPath }),
    })),
  }) as Schema;
}

/** One kind: its names, its schemas and what `kubectl get` shows. */
export type ResourceDefinition<
  Kind extends string = string,
  Spec extends z.ZodObject = z.ZodObject,
  Status extends z.ZodObject = z.ZodObject,
> = {
  readonly kind: Kind;
  readonly plural: string;
  readonly shortNames: readonly string[];
  /** Text of `kubectl explain`. */
  readonly description: string;
  readonly spec: Spec;
  readonly status: Status;
  readonly columns: readonly Column[];
  /** Condition types that the status carries, in the order in which they are shown; `Ready` is the last. */
  readonly conditions: readonly string[];
  /** Fills defaults that depend on other fields or on the name and that a schema cannot say. */
  readonly complete: (spec: z.output<Spec>, name: string) => z.output<Spec>;
};

/** Declares a kind. `complete` may be left out when the schema says every default. */
export function defineResource<Kind extends string, Spec extends z.ZodObject, Status extends z.ZodObject>(
  definition: Omit<ResourceDefinition<Kind, Spec, Status>, 'complete'> &
    Partial<Pick<ResourceDefinition<Kind, Spec, Status>, 'complete'>>,
): ResourceDefinition<Kind, Spec, Status> {
  return { complete: (spec) => spec, ...definition };
}

/** The printer columns that every kind ends with: summary, reason, the full message on `-o wide`, age. */
export const readyColumns: readonly Column[] = [
  { name: 'Ready', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
  { name: 'Reason', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].reason" },
  { name: 'Message', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].message", priority: 1 },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];
