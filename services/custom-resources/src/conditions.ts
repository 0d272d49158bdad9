import { z } from 'zod';

/** The state of one aspect of a resource, as `metav1.Condition` has it. */
export const conditionSchema = z
  .object({
    type: z.string().min(1).max(64).describe('What the condition is about, in CamelCase.'),
    status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
    observedGeneration: z.int().min(0).optional().describe('Generation of the resource that this speaks of.'),
    lastTransitionTime: z
      .string()
      .max(64)
      .meta({ format: 'date-time' })
      .describe('When the status last went from one value to another.'),
    reason: z.string().min(1).max(128).describe('Machine-readable cause, in CamelCase; stable.'),
    message: z.string().max(4096).describe('The cause in words.'),
  })
  .describe('The state of one aspect of the resource.');

/** One condition of a resource's status. */
export type Condition = z.output<typeof conditionSchema>;

/** A condition as a check returns it, before it is stamped with a generation and a time. */
export type Finding = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** `status.conditions`: a list-map by type, so that server-side apply merges single conditions. */
export const conditionsSchema = z
  .array(conditionSchema)
  .max(16)
  .optional()
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
  .describe('What is known about the resource, one entry for each aspect.');

/** `status.observedGeneration`. */
export const observedGenerationSchema = z
  .int()
  .min(0)
  .optional()
  .describe('Generation of the resource that this status speaks of.');

/**
 * Returns the list with one condition set: `lastTransitionTime` stays unless the status flips, `observedGeneration` is
 * always stamped. The order of the list is kept; a new type goes to the end.
 */
export function setCondition(
  conditions: readonly Condition[],
  finding: Finding,
  observedGeneration: number,
  now: Date,
): Condition[] {
  const held = conditions.find((condition) => condition.type === finding.type);
  const next: Condition = {
    type: finding.type,
    status: finding.status,
    observedGeneration,
    lastTransitionTime: held?.status === finding.status ? held.lastTransitionTime : now.toISOString(),
    reason: finding.reason,
    message: finding.message.length > 4096 ? `${finding.message.slice(0, 4095)}…` : finding.message,
  };
  return held === undefined
    ? [...conditions, next]
    : conditions.map((condition) => (condition === held ? next : condition));
}

/** Returns the condition of that type, if the list has it. */
export function findCondition<C extends Finding>(conditions: readonly C[] | undefined, type: string): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}
