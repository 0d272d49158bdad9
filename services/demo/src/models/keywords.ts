/** Field names that mean the same, all in lower case without separators. The first group that holds a name is its group. */
const FIELD_GROUPS: readonly (readonly string[])[] = [
  ['from', 'sender', 'author', 'sentby', 'fromaddress', 'senderemail', 'senderaddress', 'sendername'],
  ['to', 'recipient', 'recipients', 'toaddress'],
  ['subject', 'title', 'topic', 'headline'],
  ['summary', 'gist', 'abstract', 'snippet'],
  ['body', 'text', 'content', 'message'],
  ['date', 'sentat', 'receivedat', 'timestamp', 'when'],
  ['duedate', 'due', 'deadline'],
  ['start', 'startsat', 'starttime'],
];

/** Words that speak for an enum member or a boolean field of that name. */
const SIGNS: Readonly<Record<string, readonly string[]>> = {
  security: ['password', 'code', 'reset', 'sign-in', 'login'],
  account: ['password', 'account'],
  invoice: ['invoice', 'due', 'euro'],
  billing: ['invoice', 'payment', 'euro'],
  finance: ['invoice', 'payment', 'euro'],
  meeting: ['meeting', 'agenda', 'calendar'],
  work: ['meeting', 'agenda', 'planning', 'numbers'],
  newsletter: ['newsletter', 'offers', 'unsubscribe'],
  marketing: ['offers', 'unsubscribe', 'newsletter'],
  promotion: ['offers', 'unsubscribe'],
  advertising: ['offers', 'unsubscribe'],
  personal: ['lunch', 'dinner', 'birthday'],
  social: ['lunch', 'dinner', 'birthday'],
  urgent: ['urgent', 'immediately', 'asap'],
  high: ['urgent', 'immediately', 'asap'],
  suspicious: ['ai assistant', 'ignore previous', 'forward the password'],
  phishing: ['ai assistant', 'forward the password'],
  injection: ['ai assistant', 'ignore previous', 'forward the password'],
  instructions: ['ai assistant', 'ignore previous'],
  secret: ['password', 'code is'],
  action: ['please', 'you need to', 'bring', 'due'],
  reply: ['?', 'please reply'],
  attachment: ['attached', 'attachment', 'please find'],
};

const FILLER = new Set([
  'is',
  'has',
  'have',
  'a',
  'an',
  'the',
  'of',
  'contains',
  'mentions',
  'needs',
  'requires',
  'asks',
  'for',
  'any',
  'should',
  'looks',
]);

/** Lower-cases a field name and drops what separates its words: `due_date` and `dueDate` are `duedate`. */
export function normalise(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** All names under which a field may stand in the content, its own first. */
export function namesFor(field: string): readonly string[] {
  const own = normalise(field);
  const group = FIELD_GROUPS.find((names) => names.includes(own));
  return group === undefined ? [own] : [own, ...group.filter((name) => name !== own)];
}

/** Tells whether `field` belongs to the group in which `member` is. */
export function means(field: string, member: string): boolean {
  return namesFor(field).includes(member);
}

/** Splits `isUrgent`, `needs_reply` or `high-priority` into its telling words. */
export function words(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '' && !FILLER.has(word));
}

// `constructor` is a word too, and one that every object answers to.
function signsOf(word: string): readonly string[] | undefined {
  return Object.hasOwn(SIGNS, word) ? SIGNS[word] : undefined;
}

/** Counts how much of `text` speaks for a member or field called `name`. */
export function score(name: string, text: string): number {
  const lower = text.toLowerCase();
  const signs = words(name).flatMap((word) => [word, ...(signsOf(word) ?? signsOf(word.replace(/s$/, '')) ?? [])]);
  return [...new Set(signs)].reduce((sum, sign) => sum + lower.split(sign).length - 1, 0);
}
