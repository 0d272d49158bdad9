import { type Detector, phrases } from './detector.ts';

/** Text that says when or how tools that are not this one are to be used. */
export const precedence: Detector = phrases('OverOtherTools', [
  /\b(?:before|after|prior to|whenever|every time|each time)\b[^.!?]{0,30}\b(?:us(?:e|ing)|call(?:ing)?|invok(?:e|ing)|run(?:ning)?)\b[^.!?]{0,20}\b(?:any|all|every|another|other)\b[^.!?]{0,15}\b(?:tools?|functions?)\b/i,
  /\b(?:instead of|rather than|in place of)\b[^.!?]{0,20}\b(?:any|all|every|the other|other)\b[^.!?]{0,15}\b(?:tools?|functions?)\b/i,
  /\b(?:always|must(?: be)?|shall)\b[^.!?]{0,20}\b(?:call|called|use|used|run|invoke|invoked)\b[^.!?]{0,20}\b(?:first|before (?:any|all|every|each))\b/i,
  /\b(?:other|all|every|any) (?:other )?tools?\b[^.!?]{0,30}\b(?:is|are|will be|become)\b[^.!?]{0,15}\b(?:deprecated|broken|disabled|unsafe|compromised|forbidden)\b/i,
]);
