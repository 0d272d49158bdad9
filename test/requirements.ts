import { a2a } from './requirements/a2a.ts';
import { approval } from './requirements/approval.ts';
import { audit } from './requirements/audit.ts';
import { bad } from './requirements/bad.ts';
import { batches } from './requirements/batches.ts';
import { bootstrap } from './requirements/bootstrap.ts';
import { broker } from './requirements/broker.ts';
import { cache } from './requirements/cache.ts';
import { catalog } from './requirements/catalog.ts';
import { chart } from './requirements/chart.ts';
import { chassis } from './requirements/chassis.ts';
import { cli } from './requirements/cli.ts';
import { clouds } from './requirements/clouds.ts';
import { cluster } from './requirements/cluster.ts';
import { console } from './requirements/console.ts';
import { decoration } from './requirements/decoration.ts';
import { delegation } from './requirements/delegation.ts';
import { demo } from './requirements/demo.ts';
import { directory } from './requirements/directory.ts';
import { fault } from './requirements/fault.ts';
import { files } from './requirements/files.ts';
import { fragments } from './requirements/fragments.ts';
import { grants } from './requirements/grants.ts';
import { hosted } from './requirements/hosted.ts';
import { house } from './requirements/house.ts';
import { identity } from './requirements/identity.ts';
import { imports } from './requirements/import.ts';
import { limits } from './requirements/limits.ts';
import { lint } from './requirements/lint.ts';
import { mcp } from './requirements/mcp.ts';
import { model } from './requirements/model.ts';
import { oauth } from './requirements/oauth.ts';
import { offering } from './requirements/offering.ts';
import { openapi } from './requirements/openapi.ts';
import { operations } from './requirements/operations.ts';
import { operator } from './requirements/operator.ts';
import { passthrough } from './requirements/passthrough.ts';
import { peers } from './requirements/peers.ts';
import { policy } from './requirements/policy.ts';
import { provenance } from './requirements/provenance.ts';
import { providers } from './requirements/providers.ts';
import { quarantine } from './requirements/quarantine.ts';
import type { Requirement } from './requirements/requirement.ts';
import { resources } from './requirements/resources.ts';
import { responses } from './requirements/responses.ts';
import { revocation } from './requirements/revocation.ts';
import { routing } from './requirements/routing.ts';
import { rpc } from './requirements/rpc.ts';
import { schema } from './requirements/schema.ts';
import { scim } from './requirements/scim.ts';
import { security } from './requirements/security.ts';
import { tenancy } from './requirements/tenancy.ts';
import { tokens } from './requirements/tokens.ts';
import { tool } from './requirements/tool.ts';
import { turn } from './requirements/turn.ts';
import { turnLoop } from './requirements/turn-loop.ts';
import { vault } from './requirements/vault.ts';
import { wires } from './requirements/wires.ts';

/** What we promise, by area: an id `<area>:<name>` stands in `requirements/<area>.ts`. */
export const areas: Readonly<Record<string, readonly Requirement[]>> = {
  a2a,
  approval,
  audit,
  bad,
  batches,
  bootstrap,
  broker,
  cache,
  catalog,
  chart,
  chassis,
  cli,
  clouds,
  cluster,
  console,
  decoration,
  delegation,
  demo,
  directory,
  fault,
  files,
  fragments,
  grants,
  hosted,
  house,
  identity,
  import: imports,
  limits,
  lint,
  mcp,
  model,
  oauth,
  offering,
  openapi,
  operations,
  operator,
  passthrough,
  peers,
  policy,
  provenance,
  providers,
  quarantine,
  resources,
  responses,
  revocation,
  routing,
  rpc,
  schema,
  scim,
  security,
  tenancy,
  tokens,
  tool,
  turn,
  'turn-loop': turnLoop,
  vault,
  wires,
};

/** Everything we promise. `test/architecture` compares it with what tests cite, both ways. */
export const requirements: readonly Requirement[] = Object.values(areas).flat();
