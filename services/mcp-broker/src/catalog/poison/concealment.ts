import { type Detector, phrases } from './detector.ts';

/** Text that wants something kept from the user. */
export const concealment: Detector = phrases('Concealment', [
  /\b(?:do not|don'?t|never|must not|should not|without)\b[^.!?]{0,30}\b(?:tell|telling|mention|mentioning|inform|informing|reveal|revealing|notify|notifying|alert|alerting|show|showing|warn|warning|ask|asking)\b[^.!?]{0,40}\b(?:the user|users?|the human|anyone|anybody|them)\b/i,
  /\b(?:keep|kept)\b[^.!?]{0,30}\b(?:secret|hidden|confidential)\b[^.!?]{0,20}\bfrom\b[^.!?]{0,20}\b(?:user|human|them)\b/i,
  /\b(?:silently|secretly|covertly) (?:call|send|read|include|pass|add|copy|forward|run|use|invoke|attach|append)\b/i,
  /\bwithout (?:the )?users?(?:'s?)? (?:knowing|knowledge|noticing|consent|awareness)\b/i,
]);
