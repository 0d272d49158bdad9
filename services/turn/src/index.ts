export { ANSWERS, hasAnswers, isOfAnswer, splitAnswers, withAnswers } from './answers.ts';
export {
  canonicalJson,
  JsonFault,
  type JsonFaultCode,
  type JsonValue,
  type ParseOptions,
  parseStrict,
} from './canonical-json.ts';
export {
  addHandle,
  addResult,
  addSpan,
  addValue,
  type Corpus,
  createCorpus,
  isVouchedFor,
  type Origin,
  type OriginKind,
  type Span,
  trustedHosts,
} from './corpus.ts';
export {
  allow,
  type BatchFate,
  batchFate,
  type CallFate,
  type ClassTraits,
  classesOf,
  combine,
  type Decision,
  deny,
  hasSideEffect,
  type Mode,
  mayRun,
  type RuleOutcome,
  SIDE_EFFECT_RULE,
  sideEffectRule,
  TOOL_CLASSES,
  type ToolClass,
  UNDECLARED_CLASSES,
  type Verdict,
} from './decision.ts';
export { type Defanged, type DefangSettings, defangArguments } from './defang.ts';
export { lastingForms } from './derived.ts';
export {
  blocksOf,
  blockText,
  type Digest,
  type DigestScope,
  digestOf,
  digestsOf,
  fingerprintsOf,
  fingerprintsOfForms,
  type Sha256,
} from './digest.ts';
export { decodings } from './encodings.ts';
export {
  type ExactNumber,
  exactNumber,
  exactText,
  hasBeyondDouble,
  int64Of,
  isExactNumber,
  isJsonObject,
  parseExact,
  unmarkedIn,
  withDoubles,
} from './exact-number.ts';
export {
  escapeHandles,
  escapeHandlesIn,
  type FoundHandle,
  findHandles,
  type Handle,
  type HandleForm,
  handle,
  handleIdOf,
  handleIdsIn,
  openHandleAt,
  type PlacedHandle,
  placedHandles,
  unescapeHandles,
} from './handle.ts';
export {
  type Filled,
  type FilledHandle,
  type FillRefusal,
  type FillSettings,
  fillArguments,
  fillText,
  type ResolvedHandle,
  type ResolveHandle,
  type UnfilledHandle,
  WITHHELD,
} from './handle-fill.ts';
export { type PositionKind, positionKind, type TextPosition, textPosition } from './handle-position.ts';
export { createInertText, type InertSettings, type InertText } from './inert-text.ts';
export { childPointer, pointerMatches, pointerTokens, valueAt } from './json-pointer.ts';
export {
  type Audience,
  type Endorsement,
  endorse,
  flowsTo,
  fromJson as labelFromJson,
  fromValue as labelFromValue,
  type Integrity,
  join,
  joinAll,
  type Label,
  label,
  MAX_SOURCES,
  MORE_SOURCES,
  mayRead,
  sameLabel,
  TRUSTED,
  toJson as labelToJson,
  UNLABELLED,
  untrusted,
} from './label.ts';
export { type FoundLink, findLinks, hostIsAmong, hostOf } from './links.ts';
export { hasInvisible, skeleton } from './look-alike.ts';
export { formsIn, plainForm, valueForms } from './normalise.ts';
export {
  isOfferingCall,
  isPromptName,
  MAX_RESOURCE_URI,
  OFFERING_CALLS,
  type Offering,
  type OfferingCall,
  offeringOf,
  uriFault,
} from './offering.ts';
export { labelOfOrigins, originsOf, type ValueOrigin } from './origin.ts';
export {
  APPROVAL_EXPIRED_RULE,
  APPROVAL_REJECTED_RULE,
  type AwaitedApproval,
  approvalText,
  finalText,
  notConnected,
  notRun,
  type Refusal,
  type RefusalCode,
  refusal,
  refusalOf,
} from './refusal.ts';
export { replyLabel } from './reply-label.ts';
export { declaresKey, schemasAt, schemasBelow } from './schema-position.ts';
export { estimatedTokens } from './token-estimate.ts';
export {
  type BrokeredTool,
  type ClientTool,
  definitionDigest,
  exposedName,
  identityText,
  likeNames,
  MAX_EXPOSED_NAME,
  type ProviderTool,
  parseIdentity,
  sameIdentity,
  type ToolDefinition,
  type ToolIdentity,
} from './tool-identity.ts';
export { CALL_TOOL, callInput, readSearch, readWrapped, SEARCH_INPUT, SEARCH_TOOLS } from './tool-search.ts';
export {
  type BatchResult,
  type QuarantinedResult,
  runToolBatch,
  type StepCall,
  type StepOutcome,
  type StepResult,
  type StepStatus,
  type ToolBatch,
  type ToolResult,
  type ToolStepPorts,
  type ToolStepSettings,
} from './tool-step.ts';
export {
  type Candidate,
  countSteps,
  type JoinEvidence,
  type Joined,
  type JoinedBy,
  joinTrajectory,
  NO_STEPS,
  type Owner,
  ownedBy,
  type StepBounds,
  type StepKind,
  type Steps,
  stepsExceed,
  UNMATCHED_HISTORY,
  UNVERIFIED_USER,
} from './trajectory.ts';
export { type HiddenTool, type OfferedTool, type VisibleTools, visibleTools } from './visible-tools.ts';
