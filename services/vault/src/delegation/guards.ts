import { type AnswerCase, answerGuards } from './answer-guards.ts';
import type { Guard } from './guard.ts';
import {
  type AssertionCase,
  entraGuards,
  type GrantCase,
  grantGuards,
  type IdTokenCase,
  idTokenGuards,
} from './subject-guards.ts';

/** All that is looked at before something foreign is taken or passed on. */
export interface DelegationGuards {
  readonly answer: readonly Guard<AnswerCase>[];
  readonly entra: readonly Guard<AssertionCase>[];
  readonly idToken: readonly Guard<IdTokenCase>[];
  readonly grant: readonly Guard<GrantCase>[];
}

/** The guards in force. */
export const GUARDS: DelegationGuards = {
  answer: answerGuards,
  entra: entraGuards,
  idToken: idTokenGuards,
  grant: grantGuards,
};
