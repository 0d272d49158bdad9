import { type Detector, phrases } from './detector.ts';

/** Text that speaks to the model as the system or the user does, or tells it to leave what those said. */
export const hiddenInstruction: Detector = phrases('HiddenInstruction', [
  /<\s{0,3}\/?\s{0,3}(?:important|critical|system|secret|hidden|admin|instructions?|assistant|user_?prompt)\b[^<>]{0,80}>/i,
  /\[\/?(?:INST|SYSTEM|IMPORTANT)\]|<\|[a-z_]{2,20}\|>/i,
  /\b(?:ignore|disregard|forget|override|bypass)\b[^.!?]{0,40}\b(?:previous|prior|earlier|above|other|all|any|system|user'?s?|security|safety)\b[^.!?]{0,30}\b(?:instructions?|rules?|prompts?|polic(?:y|ies)|guidelines|guardrails|restrictions)\b/i,
  /\byou are now\b[^.!?]{0,60}\b(?:mode|assistant|agent|admin|root|unrestricted)\b/i,
  /\b(?:new|updated|real|actual) (?:system )?(?:instructions?|system prompt)\s{0,2}:/i,
]);
