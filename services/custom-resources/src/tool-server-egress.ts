import { z } from 'zod';

/** A host that a hosted server may reach, as it is written: `name`, `*.suffix`, each with a port or for 443. */
export const egressHost = z
  .string()
  .max(270)
  .regex(
    /^(\*\.)?[a-z0-9]([-a-z0-9]{0,62})(\.[a-z0-9]([-a-z0-9]{0,62}))*\.[a-z]([-a-z0-9]{0,62})(:[1-9][0-9]{0,4})?$/,
    'must be a host name in lower case, or *. and a domain, and may have a port; no address',
  );

/** `status.egress` of a ToolServer. */
export const egressStatus = z
  .object({
    refused: z.int().min(0).describe('Connections that were refused since the proxy started.'),
    last: z
      .array(
        z.object({
          host: z.string().max(270).describe('Where to, as it was asked for.'),
          port: z.int().min(0).max(65535).describe('Port.'),
          reason: z.string().max(64).describe('Why it was refused.'),
          at: z.string().max(64).meta({ format: 'date-time' }).describe('When, the last time.'),
        }),
      )
      .max(8)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('The last ones.'),
  })
  .optional()
  .describe('Hosted: connections to hosts that it may not reach.');

/** Status of the connections that the proxy refused to a hosted server. */
export type EgressStatus = NonNullable<z.output<typeof egressStatus>>;

/** A host that may be reached: its name without the star, whether names below it are meant, and the port. */
export interface EgressTarget {
  readonly name: string;
  readonly below: boolean;
  readonly port: number;
}

/** Reads `hosted.egress`. */
export function egressTargets(egress: readonly string[]): EgressTarget[] {
  return egress.map((text) => {
    const [host = '', port] = text.split(':');
    const below = host.startsWith('*.');
    return { name: below ? host.slice(2) : host, below, port: port === undefined ? 443 : Number(port) };
  });
}

/** Whether a host (lower case, without a final dot) and port are among those that may be reached. */
export function mayReach(targets: readonly EgressTarget[], host: string, port: number): boolean {
  return targets.some(
    (one) =>
      one.port === port &&
      (one.below ? host.endsWith(`.${one.name}`) && host.length > one.name.length + 1 : host === one.name),
  );
}
