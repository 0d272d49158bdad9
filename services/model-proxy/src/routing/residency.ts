/** Where requests may be served. */
export interface ResidencyRule {
  readonly regions: readonly string[];
  readonly forTags?: readonly string[] | undefined;
}

/**
 * Tells whether a target in a region may serve a request with some tags: every rule that holds for it must name the region.
 * A target whose region nobody declared is in none.
 */
export function mayServe(
  region: string | undefined,
  rules: readonly ResidencyRule[],
  tags: readonly string[],
): boolean {
  return rules.every((rule) => !holds(rule, tags) || rule.regions.some((named) => isWithin(region, named)));
}

/** Tells whether a region is the named one or a part of it: eu-west-1 is within eu. */
export function isWithin(region: string | undefined, named: string): boolean {
  return region !== undefined && (region === named || region.startsWith(`${named}-`));
}

function holds({ forTags }: ResidencyRule, tags: readonly string[]): boolean {
  return forTags === undefined || forTags.some((tag) => tags.includes(tag));
}
