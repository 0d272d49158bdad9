import type { Findings } from '../findings.ts';

type Section = Record<string, unknown>;

const isSection = (value: unknown): value is Section =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Puts the values of `credential_list` into the deployments that name one by `litellm_credential_name`; what a deployment says
 * itself stays. Gives the config without the list.
 */
export function withCredentials(config: unknown, findings: Findings): unknown {
  if (!isSection(config)) return config;
  const { credential_list: list, ...rest } = config;
  const byName = new Map<string, Section>();
  for (const one of Array.isArray(list) ? list : []) {
    if (isSection(one) && typeof one.credential_name === 'string' && isSection(one.credential_values)) {
      byName.set(one.credential_name, one.credential_values);
    }
  }
  if (!Array.isArray(rest.model_list)) return rest;
  const entries = rest.model_list.map((entry: unknown, index) => {
    if (!isSection(entry) || !isSection(entry.litellm_params)) return entry;
    const { litellm_credential_name: name, ...params } = entry.litellm_params;
    if (name === undefined) return entry;
    const values = byName.get(String(name));
    if (values === undefined) {
      const path = `model_list[${index}].litellm_params.litellm_credential_name`;
      findings.add('not-carried', path, `no credential of credential_list is called ${String(name)}`);
    }
    return { ...entry, litellm_params: { ...values, ...params } };
  });
  return { ...rest, model_list: entries };
}
