import { matchesGlob } from '@sallyport/custom-resources/glob';
import type { Catalog } from './catalog.ts';
import { offersFor } from './offered-list.ts';
import type { HeldFor, Settled } from './settle.ts';
import { definitionTokens } from './token-cost.ts';
import { lackedBy, type Toolset } from './toolset.ts';

type Known = Pick<Catalog, 'server' | 'settled' | 'tools'>;
type Pick_ = Toolset['spec']['tools'][number];

const NAMED = 8;
const WHY: Readonly<Record<HeldFor, string>> = {
  drift: 'its definition changed and is held',
  unreviewed: 'no reviewer named its definition yet',
  suspect: 'its definition hides something and is held',
};

/**
 * What is said of a toolset: whether each pick offers something, and if not why, and what its list costs. Nothing while a
 * server that it picks from was never listed: what is not known is no fault.
 */
export function toolsetObservation(toolset: Toolset, catalog: Known) {
  const { tenant, name, uid, generation, spec } = toolset;
  const settled = spec.tools.map(({ server }) => {
    const known = catalog.server(tenant, server);
    return known && catalog.settled(known.uid);
  });
  if (settled.some((one) => one === undefined)) return [];
  const offers = offersFor(catalog, toolset);
  const taken = new Set<string>();
  const faults = spec.tools.flatMap((pick, index) => {
    const fault = faultOf(pick, settled[index] as Settled) ?? twice(pick, taken);
    return fault === undefined ? [] : [`spec.tools[${index}]: ${fault}`];
  });
  const shown = [...offers.values()].flatMap(([first]) => (first === undefined ? [] : [first.shown]));
  const more = faults.length > NAMED ? `; and ${faults.length - NAMED} more` : '';
  const condition =
    faults.length === 0
      ? { type: 'ResolvedRefs', status: 'True' as const, reason: 'Resolved', message: '' }
      : {
          type: 'ResolvedRefs',
          status: 'False' as const,
          reason: 'PickNotOffered',
          message: faults.slice(0, NAMED).join('; ') + more,
        };
  const fields = {
    toolCount: shown.length,
    definitionTokens: shown.reduce((sum, one) => sum + definitionTokens(one), 0),
  };
  return [
    { kind: 'Toolset', tenant, name, uid, generation, conditions: [condition], statusJson: JSON.stringify(fields) },
  ];
}

function faultOf(pick: Pick_, { definitions, held, inForce }: Settled): string | undefined {
  const meant = new Set(definitions.filter(({ name }) => matchesGlob(pick.tool, name)));
  if (meant.size === 0) return `ToolServer ${pick.server} has no tool ${pick.tool}`;
  const offered = inForce.filter(({ definition }) => meant.has(definition));
  const [first] = meant;
  if (offered.length === 0) {
    const why = held.get(first?.name ?? '');
    return `${pick.server}/${pick.tool} is not offered: ${why === undefined ? 'it is not enabled' : WHY[why]}`;
  }
  const lacked = offered.flatMap(({ definition }) => lackedBy(pick, definition));
  return lacked.length === 0 ? undefined : `${pick.server}/${pick.tool} has no argument ${lacked.join(', ')}`;
}

function twice({ as }: Pick_, taken: Set<string>): string | undefined {
  if (as === undefined) return undefined;
  if (taken.has(as)) return `the name ${as} is given before`;
  taken.add(as);
  return undefined;
}
