import { GatewayError } from '@sallyport/chassis/errors';
import { fieldOf } from '@sallyport/chassis/pages/form';
import type { Recorded } from '../admin-record.ts';
import type { ApprovalDesk } from '../approvals.ts';
import type { Door } from '../approve/door.ts';
import type { Viewer } from '../approve/layout.ts';
import { noticePage } from '../approve/layout.ts';
import { type Pages, renderPageError, seeOther, sendPage, servingPages } from '../approve/page-server.ts';
import type { Clients } from '../clients.ts';
import type { Patience } from '../route.ts';
import { CREDENTIAL_KINDS, ownActions } from './actions.ts';
import { clientDocument } from './client-document.ts';
import { connectPage, departurePage } from './connect-page.ts';
import { credentialPage } from './credentials-part.ts';
import { homePage, nobodyPage } from './home-page.ts';
import { ownConnections, ownThings } from './own-things.ts';

/** What a person's own pages are made of. */
export interface OwnPagesOptions {
  readonly clients: Pick<Clients, 'access' | 'consents' | 'connections' | 'owned' | 'keys' | 'sessions'>;
  readonly desk: Pick<ApprovalDesk, 'list'>;
  readonly door: Door;
  readonly recorded: Recorded;
  /** Where people reach the gateway; undefined: it is no client of others. */
  readonly publicUrl: string | undefined;
  /** How long a request may take, ms. */
  readonly requestTimeoutMs: number;
}

const PATH = '/me';
/** As vault makes the part of a path that is one authorization server's. */
const CLIENT_DOCUMENT = /^([\w-]{22})?\.json$/;
const SCOPES = /^[!#-[\]-~]+( [!#-[\]-~]+)*$/;

/**
 * The pages on which people see and end what acts for them, and connect tool servers. A GET changes nothing, but for the
 * one that an authorization server sends a browser back with; a POST needs the person's session and its token.
 */
export function ownPages(options: OwnPagesOptions): Pages {
  const { clients, desk, door, recorded, publicUrl } = options;
  const { connections } = clients;

  const connectionOf = async ({ caller }: Viewer, server: string, patience: Patience) => {
    person(caller.principal.user);
    const { connections: all } = await ownConnections(caller, clients, patience);
    const found = all?.find((one) => one.server === server);
    if (all === undefined) throw new GatewayError('unavailable', 'Who may use what cannot be told now.');
    if (found === undefined) throw new GatewayError('not_found', 'There is no tool server of this name to connect.');
    return found;
  };

  const home = door.forViewers(async (viewer, req, res, patience) => {
    if (viewer.caller.principal.user === '') return sendPage(res, 200, nobodyPage(viewer));
    const things = await ownThings(viewer.caller, clients, desk, patience);
    sendPage(res, 200, homePage(things, viewer, String(req.query.done ?? '')));
  });

  const askToConnect = door.forViewers(async (viewer, req, res, patience) => {
    const connection = await connectionOf(viewer, String(req.params.server), patience);
    sendPage(res, 200, connectPage(connection, scopesOf(String(req.query.scopes ?? '')), viewer));
  });

  const callback = door.forViewers(async (viewer, req, res, patience) => {
    const query = new URLSearchParams(req.originalUrl.split('?')[1] ?? '');
    const given = (name: string) => fieldOf(query, name);
    if (given('state') === '') return seeOther(res, PATH);
    const { tenant, user } = viewer.caller.principal;
    const said = { state: given('state'), code: given('code'), issuer: given('iss'), error: given('error') };
    const answer = { ...said, callback: String(req.params.callback ?? '') };
    const action = { action: 'connections.complete', target: { kind: 'ToolServer' } };
    await recorded(
      viewer.caller,
      action,
      patience,
      () => connections.complete({ tenant, user: person(user), ...answer }, patience),
      ({ server, scopes }) => ({ name: server, scopes: scopes.join(' ') }),
    );
    seeOther(res, `${PATH}?done=connected`);
  });

  const putCredential = door.forViewers(async (viewer, req, res) => {
    const [kind, resource] = [String(req.params.kind), String(req.params.resource)];
    if (!CREDENTIAL_KINDS.includes(kind)) throw new GatewayError('not_found', 'There is no such kind.');
    person(viewer.caller.principal.user);
    sendPage(res, 200, credentialPage(kind, resource, viewer));
  });

  return {
    covers: (path) => path === PATH || path.startsWith(`${PATH}/`),
    mount(app) {
      const serve = servingPages(options.requestTimeoutMs);
      app.get([`${PATH}/client.json`, `${PATH}/client/:document`], (req, res) => {
        const named = CLIENT_DOCUMENT.exec(String(req.params.document ?? '.json'));
        if (publicUrl === undefined || named === null) {
          throw new GatewayError('not_found', 'This gateway is no client of others by this name.');
        }
        res.set({ 'cache-control': 'public, max-age=300', 'x-content-type-options': 'nosniff' });
        res.json(clientDocument(publicUrl, named[1]));
      });
      app.get(PATH, serve(home));
      app.get([`${PATH}/callback`, `${PATH}/callback/:callback`], serve(callback));
      app.get(`${PATH}/connect/:server`, serve(askToConnect));
      app.get(`${PATH}/credentials/:kind/:resource`, serve(putCredential));
      app.post(
        `${PATH}/connect/:server`,
        serve(async (req, res, patience) => {
          const { form, viewer } = await door.guardedForm(req, patience);
          const { server } = await connectionOf(viewer, String(req.params.server), patience);
          const { tenant, user } = viewer.caller.principal;
          const scopes = scopesOf(fieldOf(form, 'scopes'));
          const { authorizationUrl, issuer } = await connections.begin({ tenant, user, server, scopes }, patience);
          // What a resource or its server supplied must not become a script of ours.
          if (!/^https?:\/\//i.test(authorizationUrl)) throw new GatewayError('upstream_invalid', 'It leads nowhere.');
          sendPage(res, 200, departurePage(authorizationUrl, issuer, viewer));
        }),
      );
      for (const [path, act] of Object.entries(ownActions(clients, recorded))) {
        app.post(
          `${PATH}/${path}`,
          serve(async (req, res, patience) => {
            const { form, viewer } = await door.guardedForm(req, patience);
            person(viewer.caller.principal.user);
            seeOther(res, `${PATH}?done=${await act(viewer.caller, form, patience)}`);
          }),
        );
      }
    },
    renderError(error, req, res) {
      if (error.code !== 'upstream_invalid' && error.code !== 'unsupported') return renderPageError(error, req, res);
      sendPage(res, error.status, noticePage('It could not be connected', error.message));
    },
  };
}

function scopesOf(text: string): string[] {
  return text.length <= 2_048 && SCOPES.test(text) ? text.split(' ').slice(0, 32) : [];
}

/** Without a name, what is asked for would be everybody's. */
function person(user: string): string {
  if (user === '') throw new GatewayError('permission_denied', 'The key that you signed in with acts for no person.');
  return user;
}
