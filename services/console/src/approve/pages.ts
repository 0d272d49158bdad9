import { withTimeout } from '@sallyport/chassis/deadline';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { clientGone } from '@sallyport/chassis/http/server';
import { fieldOf, formOf, isSameSite } from '@sallyport/chassis/pages/form';
import { PAGE_HEADERS } from '@sallyport/chassis/pages/page';
import { STYLE } from '@sallyport/chassis/pages/style';
import type { Ingress } from '@sallyport/peers/ingress';
import type { Express, Request, Response } from 'express';
import type { ApprovalDesk } from '../approvals.ts';
import type { Clients } from '../clients.ts';
import type { Patience } from '../route.ts';
import { approvalPage } from './approval-page.ts';
import { wordOf } from './forms.ts';
import { arrivalPage, noticePage, signInPage, type Viewer } from './layout.ts';
import { listPage } from './list-page.ts';
import { lastSteps } from './run-steps.ts';
import { isTokenOf, type Session, type Sessions } from './session.ts';
import type { SignIn } from './sign-in.ts';

/** What the approval pages are made of. */
export interface ApprovalPagesOptions {
  readonly desk: ApprovalDesk;
  readonly clients: Pick<Clients, 'queries'>;
  readonly signIn: SignIn;
  readonly ingress: Pick<Ingress, 'addressOf'>;
  readonly sessions: Sessions;
  /** True: cookies are for https whatever the proxy says; else as `x-forwarded-proto` says. */
  readonly alwaysSecure: boolean;
  /** How long a request may take, ms. */
  readonly requestTimeoutMs: number;
  readonly now?: () => number;
}

/** Pages under one path of an app. */
export interface Pages {
  /** Whether a path is theirs. */
  covers(path: string): boolean;
  mount(app: Express): void;
  /** Writes a failure as a page. */
  renderError(error: GatewayError, req: Request, res: Response): void;
}

const PATH = '/approve';
const LIST_SIZE = 100;
const APPROVAL_ID = /^[\w.-]{1,128}$/;

/** Which approval is shown, and which of its values. */
interface Shown {
  readonly id: string;
  readonly screen: number;
  readonly others: number;
  readonly problem?: string;
  readonly status: number;
}

type Handler = (req: Request, res: Response, patience: Patience) => Promise<void>;

/**
 * The pages on which people decide approvals (DESIGN section 5). A link names an approval and grants nothing: GET
 * changes nothing, POST needs the approver's session and its token.
 */
export function approvalPages(options: ApprovalPagesOptions): Pages {
  const { desk, clients, signIn, ingress, sessions, now = Date.now } = options;

  const isSecure = (req: Request) =>
    options.alwaysSecure || String(req.headers['x-forwarded-proto'] ?? '').split(',')[0] === 'https';
  const sessionOf = (req: Request) => sessions.read(req.headers.cookie, isSecure(req));
  const keep = (req: Request, res: Response, session: Session) =>
    void res.setHeader('set-cookie', sessions.cookieOf(session, isSecure(req)));

  /** Who is signed in now: identity is asked at each request, so that a revoked key ends here at once. */
  const viewerOf = async (req: Request, patience: Patience): Promise<Viewer | undefined> => {
    const session = sessionOf(req);
    if (session?.subject === undefined) return undefined;
    const caller = await signIn.callerOf(session.subject, ingress.addressOf(req), patience);
    return caller === undefined ? undefined : { caller, csrf: session.csrf };
  };

  const askToSignIn = (req: Request, res: Response, next: string, status = 200, problem = '') => {
    const kept = sessionOf(req);
    const session = kept !== undefined && kept.subject === undefined ? kept : sessions.begin();
    keep(req, res, session);
    sendPage(res, status, signInPage(session.csrf, next, problem));
  };

  /** A page for who is signed in; others are asked to sign in first. */
  const forViewers =
    (show: (viewer: Viewer, req: Request, res: Response, patience: Patience) => Promise<void>): Handler =>
    async (req, res, patience) => {
      const viewer = await viewerOf(req, patience);
      if (viewer !== undefined) return show(viewer, req, res, patience);
      const id = String(req.params.id ?? '');
      const fromElsewhere = req.headers['sec-fetch-site'] === 'cross-site' && req.query.arrived === undefined;
      if (sessionOf(req) === undefined && fromElsewhere) {
        return sendPage(res, 200, arrivalPage(`${pathOf(id)}?arrived=yes`));
      }
      askToSignIn(req, res, id);
    };

  const guardForm = (req: Request, form: URLSearchParams): Session => {
    // Browsers tell where a form came from; one of another site is refused whatever else it carries.
    const session = sessionOf(req);
    if (session === undefined || !isSameSite(req) || !isTokenOf(session, fieldOf(form, 'csrf'))) {
      throw new GatewayError(
        'permission_denied',
        'This form is not of your session, or the session has ended. Nothing was changed.',
      );
    }
    return session;
  };

  const showApproval = async (
    viewer: Viewer,
    { id, screen, others, problem, status }: Shown,
    res: Response,
    patience: Patience,
  ) => {
    const approval = await desk.get(viewer.caller, checkedId(id), patience);
    const run = await lastSteps(clients, { tenant: approval.tenant, id: approval.trajectory }, patience);
    const told = problem === undefined ? {} : { problem };
    sendPage(res, status, approvalPage({ approval, viewer, run, screen, others, nowMs: now(), ...told }));
  };

  const list = forViewers(async (viewer, _req, res, patience) => {
    const query = { states: ['pending'], pageSize: LIST_SIZE, pageToken: '' } as const;
    const { approvals, nextPageToken } = await desk.list(viewer.caller, query, patience);
    sendPage(res, 200, listPage(approvals, nextPageToken !== '', viewer, now()));
  });

  const show = forViewers((viewer, req, res, patience) => {
    const screens = { screen: screenIn(req.query.screen), others: screenIn(req.query.others) };
    return showApproval(viewer, { id: String(req.params.id), ...screens, status: 200 }, res, patience);
  });

  const enter: Handler = async (req, res, patience) => {
    const form = await formOf(req, patience.signal);
    guardForm(req, form);
    const next = fieldOf(form, 'next');
    try {
      const credential = { secret: fieldOf(form, 'key').trim(), address: () => ingress.addressOf(req) };
      const subject = await signIn.withKey(credential, patience);
      keep(req, res, sessions.begin(subject));
    } catch (error) {
      const { code } = asGatewayError(error);
      if (code === 'unauthenticated') return askToSignIn(req, res, next, 403, 'This key is not valid.');
      if (code === 'permission_denied') return askToSignIn(req, res, next, 403, 'This key is not for approvals.');
      throw error;
    }
    seeOther(res, APPROVAL_ID.test(next) ? pathOf(next) : PATH);
  };

  const leave: Handler = async (req, res, patience) => {
    guardForm(req, await formOf(req, patience.signal));
    res.setHeader('set-cookie', sessions.endCookie(isSecure(req)));
    seeOther(res, PATH);
  };

  const decide: Handler = async (req, res, patience) => {
    const form = await formOf(req, patience.signal);
    guardForm(req, form);
    const viewer = await viewerOf(req, patience);
    if (viewer === undefined) {
      throw new GatewayError('permission_denied', 'Your session has ended. Nothing was changed; sign in again.');
    }
    const id = checkedId(String(req.params.id));
    try {
      await desk.decide(viewer.caller, id, wordOf(form, now()), patience);
    } catch (error) {
      const { code, status, message } = asGatewayError(error);
      const problem = PROBLEMS[code]?.(message);
      if (problem === undefined) throw error;
      return showApproval(viewer, { id, screen: 1, others: 1, problem, status }, res, patience);
    }
    seeOther(res, pathOf(id));
  };

  return {
    covers: (path) => path === PATH || path.startsWith(`${PATH}/`),
    mount(app) {
      const serve = (handler: Handler) => (req: Request, res: Response) => {
        const timeoutMs = options.requestTimeoutMs;
        res.set(PAGE_HEADERS);
        return handler(req, res, { timeoutMs, signal: withTimeout(clientGone(res), timeoutMs) });
      };
      app.get(`${PATH}/style.css`, (_req, res) => {
        res.set({ ...PAGE_HEADERS, 'cache-control': 'public, max-age=3600' });
        res.type('text/css').send(STYLE);
      });
      app.get(PATH, serve(list));
      app.get(`${PATH}/:id`, serve(show));
      app.post(`${PATH}/sign-in`, serve(enter));
      app.post(`${PATH}/sign-out`, serve(leave));
      app.post(`${PATH}/:id`, serve(decide));
    },
    renderError(error, _req, res) {
      res.set(PAGE_HEADERS);
      if (error.retryAfterMs !== undefined) res.setHeader('retry-after', Math.ceil(error.retryAfterMs / 1000));
      sendPage(res, error.status, noticePage(TITLES[error.code] ?? 'This did not work', error.message));
    },
  };
}

/** Failures of a decision that are told on the approval's own page, as it stands then. */
const PROBLEMS: Readonly<Record<string, (message: string) => string>> = {
  conflict: () => 'Your decision was not taken: the approval is decided already, or it is over. This is how it stands.',
  invalid_request: (message) => `Nothing was decided. ${message}`,
  permission_denied: (message) => `Nothing was decided. ${message}`,
};

const TITLES: Readonly<Record<string, string>> = {
  not_found: 'There is no such page',
  permission_denied: 'This is not allowed',
  unavailable: 'Not available now',
  audit_unavailable: 'Not available now',
  deadline_exceeded: 'Not available now',
};

function screenIn(query: unknown): number {
  return Number.parseInt(String(query ?? '1'), 10) || 1;
}

function checkedId(id: string): string {
  if (APPROVAL_ID.test(id)) return id;
  throw new GatewayError('not_found', 'There is no such approval.');
}

function pathOf(id: string): string {
  return id === '' ? PATH : `${PATH}/${encodeURIComponent(id)}`;
}

function sendPage(res: Response, status: number, markup: string): void {
  res.status(status).type('text/html').send(markup);
}

/** After a form the browser GETs: loading the page again sends nothing twice. */
function seeOther(res: Response, path: string): void {
  res.redirect(303, path);
}
