/** How likely a token was: `logprob` is the natural logarithm of its probability. */
export interface TokenOdds {
  readonly token: string;
  readonly logprob: number;
  /** Its UTF-8; absent where the provider tells the token alone. */
  readonly bytes?: readonly number[];
  /** Its number in the vocabulary, where the provider tells it. */
  readonly id?: number;
}

/** Those of a token of an answer, with the likeliest in its place. */
export interface ChosenOdds extends TokenOdds {
  readonly top: readonly TokenOdds[];
}
