import { type Mail, OWNER, SEED_MAILS } from './mails.ts';

/** A mail that somebody asked to be sent; it goes nowhere but into this list. */
export interface SentMail {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly body: string;
  /** RFC 3339. */
  readonly sentAt: string;
}

/** The demo's mailbox, in memory. One for the whole process: the demo knows no tenants. */
export interface Mailbox {
  list(unreadOnly: boolean): readonly Mail[];
  read(id: string): Mail | undefined;
  search(words: string): readonly Mail[];
  send(mail: { to: string; subject: string; body: string }): SentMail;
  /** Returns false when no such mail is there. */
  remove(id: string): boolean;
  sent(): readonly SentMail[];
  /** Puts the first mails back and forgets what was sent. */
  reset(): void;
}

/** The most sent mails kept; the oldest go first, so that a loop cannot fill the memory. */
const MAX_SENT = 1000;

/** Opens a mailbox with the seed mails. `now` gives epoch milliseconds. */
export function openMailbox(now: () => number = Date.now): Mailbox {
  let mails = [...SEED_MAILS];
  let sent: SentMail[] = [];
  let sequence = 0;
  return {
    list: (unreadOnly) => (unreadOnly ? mails.filter((mail) => mail.unread) : mails),
    read: (id) => mails.find((mail) => mail.id === id),
    search: (words) => {
      const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
      return mails.filter((mail) => {
        const text = `${mail.from} ${mail.subject} ${mail.body}`.toLowerCase();
        return wanted.every((word) => text.includes(word));
      });
    },
    send: (mail) => {
      sequence += 1;
      const kept = { id: `s${sequence}`, from: OWNER, ...mail, sentAt: new Date(now()).toISOString() };
      sent = [...sent, kept].slice(-MAX_SENT);
      return kept;
    },
    remove: (id) => {
      const before = mails.length;
      mails = mails.filter((mail) => mail.id !== id);
      return mails.length < before;
    },
    sent: () => sent,
    reset: () => {
      mails = [...SEED_MAILS];
      sent = [];
      sequence = 0;
    },
  };
}
