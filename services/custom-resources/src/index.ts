export { type AccessPolicySpec, type AccessPolicyStatus, accessPolicy } from './access-policy.ts';
export { type ClaimsType, type ClaimsValue, claimsExpression, compileClaims } from './claims-expression.ts';
export { type ClientSpec, type ClientStatus, client } from './client.ts';
export { type Condition, type Finding, findCondition, setCondition } from './conditions.ts';
export { type ConfigMap, isConfigMap, parseConfigMap } from './config-map.ts';
export { apiVersion, group, version } from './define-resource.ts';
export { durationMs, nanoUsd, type SecretKeyRef, type ToolClass } from './fields.ts';
export { furtherGrantUid, scimGrantUid, signInGrantUid } from './grant-uids.ts';
export {
  type ClusterIdentity,
  type IdentityProviderItem,
  type IdentityProviderSpec,
  type IdentityProviderStatus,
  identityProvider,
} from './identity-provider.ts';
export { isKind, type Kind, kindNames, kinds, type SpecOf, type StatusOf } from './kinds.ts';
export { type LimitSpec, type LimitStatus, limit } from './limit.ts';
export { type ModelSpec, type ModelStatus, model, orderedTargets } from './model.ts';
export {
  type ModelProviderSpec,
  type ModelProviderStatus,
  modelProvider,
  providerBaseUrl,
  providerUrls,
} from './model-provider.ts';
export { routingReferences } from './model-routing.ts';
export {
  type Fault,
  isOurs,
  type Metadata,
  type Parsed,
  parseMetadata,
  parseResource,
  parseSpec,
  parseYaml,
  type Resource,
  type YamlDocument,
} from './parse.ts';
export { faultOfPersonName, personName } from './person-name.ts';
export { isSecret, parseSecret, type Secret } from './secret.ts';
export { inboundOrigin, secretKinds, secretRefs } from './secret-refs.ts';
export type { ServerAuth } from './server-auth.ts';
export { type TeamSpec, type TeamStatus, team } from './team.ts';
export {
  type CallRule,
  type QuarantineSpec,
  type ResultRule,
  type ToolPolicySpec,
  type ToolPolicyStatus,
  toolPolicy,
} from './tool-policy.ts';
export { type RuleFault, toolPolicyFaults } from './tool-policy-faults.ts';
export { type ToolServerSpec, type ToolServerStatus, toolServer } from './tool-server.ts';
export { type EgressStatus, type EgressTarget, egressTargets, mayReach } from './tool-server-egress.ts';
export {
  cpuMillis,
  type HostedServerSpec,
  hostedAmounts,
  idleMinutesOf,
  mebibytes,
} from './tool-server-hosted.ts';
export { type ConfigMapKeyRef, MAX_DOCUMENT } from './tool-server-open-api.ts';
export { serverHeaders, serverUrl, type TransportKind, transportKind } from './tool-server-transport.ts';
export { type ToolsetSpec, toolset } from './toolset.ts';
export { unreadableAccess, unreadableLimit } from './unreadable.ts';
export { type VirtualKeySpec, type VirtualKeyStatus, virtualKey } from './virtual-key.ts';
