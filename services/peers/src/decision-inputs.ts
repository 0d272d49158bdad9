import type { Decision, Origin, ToolRef, Label as WireLabel } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';

/** What policy was asked about one call, as it goes over the wire. */
export interface AskedCall {
  readonly tool?: Partial<Pick<ToolRef, 'kind' | 'server' | 'serverUid' | 'owner' | 'name' | 'digest'>> | undefined;
  readonly origins: readonly (Pick<Origin, 'pointer' | 'origin'> &
    Partial<Pick<Origin, 'from' | 'path' | 'name'>> & { readonly label?: LabelFields | undefined })[];
}

type LabelFields = Pick<WireLabel, 'trusted' | 'sources' | 'public' | 'audience'>;

/**
 * What a decision on a call was made of, beside the arguments: with the resources that were in force it decides the call
 * again (DESIGN §8). Labels are written once, since most values share one; `label` of an origin is an index into them,
 * and the first is that of the context. Both planes record it as `decided` of the decision inputs.
 */
export function decisionBasis(
  asked: AskedCall,
  setting: { readonly principal: Principal; readonly context: LabelFields },
  decision: Partial<Pick<Decision, 'endorsed' | 'tainted' | 'toolClass'>> = {},
) {
  const { principal, context } = setting;
  const labels: ReturnType<typeof plainLabel>[] = [];
  const indexes = new Map<string, number>();
  const indexOf = (label: LabelFields): number => {
    const plain = plainLabel(label);
    const key = JSON.stringify(plain);
    const known = indexes.get(key) ?? labels.push(plain) - 1;
    indexes.set(key, known);
    return known;
  };
  indexOf(context);
  const { kind = 0, server = '', serverUid = '', owner = '', name = '', digest = '' } = asked.tool ?? {};
  return {
    principal: basisOfPrincipal(principal),
    tool: withoutEmpty({ kind, server, serverUid, owner, name, digest, class: decision.toolClass ?? '' }),
    origins: asked.origins.map((one) => ({
      ...withoutEmpty({ pointer: one.pointer, origin: one.origin, from: one.from ?? '', path: one.path ?? '' }),
      ...(one.label === undefined ? {} : { label: indexOf(one.label) }),
      ...(one.name === true ? { name: true } : {}),
    })),
    labels,
    ...(decision.endorsed?.length ? { endorsed: [...decision.endorsed] } : {}),
    ...(decision.tainted?.length
      ? { tainted: Object.fromEntries(decision.tainted.map(({ pointer, source }) => [pointer, source])) }
      : {}),
  };
}

// One credential makes many calls, and its principal is never changed in place.
const bases = new WeakMap<Principal, ReturnType<typeof principalBasis>>();

function basisOfPrincipal(principal: Principal) {
  let basis = bases.get(principal);
  if (basis === undefined) {
    basis = principalBasis(principal);
    bases.set(principal, basis);
  }
  return basis;
}

// What rules and AccessPolicies may ask of a principal, beside the customer and user that a request asserted.
function principalBasis({
  kind,
  id,
  name,
  user,
  teams,
  customer,
  keyId,
  client,
  tools,
  origin,
  tags,
  actors,
  userTeams,
  claimsJson,
}: Principal) {
  // Most keys are of people who are in the same teams.
  const sameTeams = userTeams.length === teams.length && userTeams.every((team, index) => team === teams[index]);
  const basis = withoutEmpty({
    kind,
    id,
    name,
    user,
    teams: [...teams],
    customer,
    keyId,
    client,
    tools: [...tools],
    origin,
    tags: [...tags],
    actors: actors.map((one) =>
      withoutEmpty({ id: one.id, kind: one.kind, teams: [...one.teams], client: one.client }),
    ),
    claims: claimsJson,
  });
  return sameTeams ? basis : { ...basis, userTeams: [...userTeams] };
}

function plainLabel({ trusted, sources, public: everyone, audience }: LabelFields) {
  return { trusted, sources: [...sources], ...(everyone ? {} : { audience: [...audience] }) };
}

function withoutEmpty<T extends object>(of: T): Partial<T> {
  const full: Partial<T> = {};
  for (const name in of) {
    const value: unknown = of[name];
    if (value !== '' && !(Array.isArray(value) && value.length === 0)) full[name] = of[name];
  }
  return full;
}
