import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { hostCookie, hostCookieLine, PERSON_COOKIE } from '@sallyport/chassis/pages/cookie';
import { cookieOf, fieldOf, formOf, isSameSite, sameText } from '@sallyport/chassis/pages/form';
import type { Ingress } from '@sallyport/peers/ingress';
import { isOwnPage } from '@sallyport/peers/own-pages';
import type { Express, Request, Response } from 'express';
import type { Patience } from '../route.ts';
import { arrivalPage, signInPage, type Viewer } from './layout.ts';
import type { PersonSession, PersonSessions } from './person-sessions.ts';
import type { Session, Sessions } from './session.ts';
import type { SignIn } from './sign-in.ts';

/** Answers a request for a page. */
export type Handler = (req: Request, res: Response, patience: Patience) => Promise<void>;

/** What the door of the pages is made of. */
export interface DoorOptions {
  readonly signIn: SignIn;
  readonly people: PersonSessions;
  readonly ingress: Pick<Ingress, 'addressOf'>;
  readonly sessions: Sessions;
  /** True: cookies are for https whatever the proxy says; else as `x-forwarded-proto` says. */
  readonly alwaysSecure: boolean;
  /** Where people reach the gateway, without a slash at the end; undefined: where they are. */
  readonly publicUrl?: string | undefined;
}

/** A form that was sent from a page of the sender's own session. */
export interface GuardedForm {
  readonly form: URLSearchParams;
  readonly viewer: Viewer;
}

/** Lets people in and out of all pages: who is signed in, whose form came, where to sign in. */
export interface Door {
  /** A page for who is signed in; others are asked to sign in first, and come back to the page. */
  forViewers(show: (viewer: Viewer, req: Request, res: Response, patience: Patience) => Promise<void>): Handler;
  /** Reads a form. Throws `permission_denied` for one of another session, site or of nobody. */
  guardedForm(req: Request, patience: Patience): Promise<GuardedForm>;
  /** Serves signing in and out. */
  mount(app: Express, serve: (handler: Handler) => (req: Request, res: Response) => Promise<void>): void;
}

const START = '/approve';
const TENANT = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const PROVIDER = /^[a-z0-9][-a-z0-9.]{0,252}$/;
const FOREIGN = 'This form is not of your session, or the session has ended. Nothing was changed.';

/** Who is at the door. */
interface Visit {
  readonly csrf: string;
  readonly viewer?: Viewer | undefined;
  /** Set where an identity provider signed the person in. */
  readonly person?: PersonSession | undefined;
}

/** Makes the door. A person's own session comes before that of a key, where a browser has both. */
export function door({ signIn, people, ingress, sessions, alwaysSecure, publicUrl = '' }: DoorOptions): Door {
  const isSecure = (req: Request) =>
    alwaysSecure || String(req.headers['x-forwarded-proto'] ?? '').split(',')[0] === 'https';
  const keySessionOf = (req: Request) => sessions.read(req.headers.cookie, isSecure(req));
  const keep = (req: Request, res: Response, session: Session) =>
    void res.appendHeader('set-cookie', sessions.cookieOf(session, isSecure(req)));
  const personCookieOf = (req: Request) => cookieOf(req.headers.cookie, hostCookie(PERSON_COOKIE, isSecure(req)));

  /** Identity is asked at each request, so that what was revoked ends here at once. */
  const visitOf = async (req: Request, patience: Patience): Promise<Visit | undefined> => {
    const cookie = personCookieOf(req);
    const person = cookie === undefined ? undefined : await people.look(cookie, patience);
    if (person !== undefined) {
      return { csrf: person.csrf, viewer: { caller: person.caller, csrf: person.csrf }, person };
    }
    const session = keySessionOf(req);
    if (session === undefined) return undefined;
    const { csrf, subject } = session;
    if (subject === undefined) return { csrf };
    const caller = await signIn.callerOf(subject, ingress.addressOf(req), patience);
    return { csrf, viewer: caller === undefined ? undefined : { caller, csrf } };
  };

  const askToSignIn = async (
    req: Request,
    res: Response,
    patience: Patience,
    {
      next,
      status = 200,
      problem = '',
    }: { readonly next: string; readonly status?: number; readonly problem?: string },
  ) => {
    const kept = keySessionOf(req);
    const session = kept !== undefined && kept.subject === undefined ? kept : sessions.begin();
    keep(req, res, session);
    const named = String(req.query.tenant ?? '');
    const tenant = TENANT.test(named) ? named : '';
    const providers = await people.providers({ tenant, host: String(req.headers.host ?? '') }, patience);
    res
      .status(status)
      .type('text/html')
      .send(signInPage({ csrf: session.csrf, next, problem, providers, base: publicUrl }));
  };

  const guarded = async (req: Request, patience: Patience) => {
    const form = await formOf(req, patience.signal);
    // Browsers tell where a form came from; one of another site is refused whatever else it carries.
    const visit = isSameSite(req) ? await visitOf(req, patience) : undefined;
    if (visit === undefined || !sameText(fieldOf(form, 'csrf'), visit.csrf)) {
      throw new GatewayError('permission_denied', FOREIGN);
    }
    return { form, visit };
  };

  const enter: Handler = async (req, res, patience) => {
    const { form, visit } = await guarded(req, patience);
    const wanted = fieldOf(form, 'next');
    const next = isOwnPage(wanted) ? wanted : START;
    const again = (problem: string) => askToSignIn(req, res, patience, { next, status: 403, problem });
    try {
      const credential = { secret: fieldOf(form, 'key').trim(), address: () => ingress.addressOf(req) };
      const subject = await signIn.withKey(credential, patience);
      if (visit.person !== undefined) await endPerson(req, res, visit.person, patience);
      keep(req, res, sessions.begin(subject));
    } catch (error) {
      const { code } = asGatewayError(error);
      if (code === 'unauthenticated') return again('This key is not valid.');
      if (code === 'permission_denied') return again('This key is not for approvals.');
      throw error;
    }
    res.redirect(303, next);
  };

  const endPerson = async (req: Request, res: Response, person: PersonSession, patience: Patience) => {
    await people.end(person, patience);
    res.appendHeader('set-cookie', hostCookieLine(PERSON_COOKIE, '', 0, isSecure(req)));
  };

  const leave: Handler = async (req, res, patience) => {
    const { visit } = await guarded(req, patience);
    if (visit.person !== undefined) await endPerson(req, res, visit.person, patience);
    res.appendHeader('set-cookie', sessions.endCookie(isSecure(req)));
    res.redirect(303, START);
  };

  /** Off to a provider. Only from the page of this very browser: its cookie is held back on the way from other sites. */
  const depart: Handler = async (req, res, patience) => {
    const wanted = String(req.query.next ?? '');
    const page = isOwnPage(wanted) ? wanted : START;
    const [tenant, provider] = [String(req.query.tenant ?? ''), String(req.params.provider)];
    const ours = isSameSite(req) && (await visitOf(req, patience)) !== undefined;
    if (!ours || !TENANT.test(tenant) || !PROVIDER.test(provider)) {
      return askToSignIn(req, res, patience, { next: page });
    }
    const { url, cookie } = await people.begin({ tenant, provider, page }, patience);
    res.appendHeader('set-cookie', cookie);
    res.redirect(303, url);
  };

  return {
    forViewers: (show) => async (req, res, patience) => {
      const visit = await visitOf(req, patience);
      if (visit?.viewer !== undefined) return show(visit.viewer, req, res, patience);
      const fromElsewhere = req.headers['sec-fetch-site'] === 'cross-site' && req.query.arrived === undefined;
      if (visit === undefined && fromElsewhere) {
        return void res.type('text/html').send(arrivalPage(arrivedAt(req)));
      }
      await askToSignIn(req, res, patience, { next: pageOf(req) });
    },
    async guardedForm(req, patience) {
      const { form, visit } = await guarded(req, patience);
      if (visit.viewer !== undefined) return { form, viewer: visit.viewer };
      throw new GatewayError('permission_denied', 'Your session has ended. Nothing was changed; sign in again.');
    },
    mount(app, serve) {
      app.get('/approve/sign-in/:provider', serve(depart));
      app.post('/approve/sign-in', serve(enter));
      app.post('/approve/sign-out', serve(leave));
    },
  };
}

/** The page that was asked for, with the scopes that it is for; where it is none to come back to, the first one. */
function pageOf({ path, query }: Request): string {
  const scopes = typeof query.scopes === 'string' ? `${new URLSearchParams({ scopes: query.scopes })}` : '';
  const page = [path, `${path}?${scopes}`].findLast(isOwnPage);
  return page ?? START;
}

/** The same page again, asked for from here. */
function arrivedAt(req: Request): string {
  const query = new URLSearchParams(req.originalUrl.split('?')[1] ?? '');
  query.set('arrived', 'yes');
  return `${req.path}?${query.toString()}`;
}
