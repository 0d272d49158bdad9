/** The library's account id of a person, which is `sub` of their tokens and their principal's id. */
export function accountOf(user: string): string {
  return `user:${user}`;
}

/** The person of an account id; undefined for other ids. */
export function userOf(account: string | undefined): string | undefined {
  return account?.startsWith('user:') === true ? account.slice('user:'.length) : undefined;
}
