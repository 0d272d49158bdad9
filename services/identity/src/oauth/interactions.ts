import { withTimeout } from '@sallyport/chassis/deadline';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { clientGone } from '@sallyport/chassis/http/server';
import { fieldOf, formOf, isSameSite, sameText } from '@sallyport/chassis/pages/form';
import { PAGE_HEADERS } from '@sallyport/chassis/pages/page';
import type { Ingress } from '@sallyport/peers/ingress';
import type { Express, Request, Response } from 'express';
import type Provider from 'oidc-provider';
import type { AdminRecords } from '../admin-records.ts';
import type { Person } from '../directory/person.ts';
import { accountOf, userOf } from './account.ts';
import type { ConsentStore } from './consent-store.ts';
import { scopesOfClient } from './issuer.ts';
import type { Issuers } from './issuers.ts';
import type { SignInWithKey } from './key-sign-in.ts';
import type { OAuthKeys } from './keys.ts';
import { arrivedPage, consentPage, type ShownClient, signInPage } from './pages.ts';
import type { UpstreamSignIn } from './upstream.ts';
import { RESOURCE_PATHS, scopesAt } from './vocabulary.ts';

/** What the pages of sign-in and consent need. */
export interface InteractionOptions {
  readonly issuers: Issuers;
  readonly keys: OAuthKeys;
  readonly consents: ConsentStore;
  readonly records: AdminRecords;
  readonly upstream: UpstreamSignIn;
  /** Who a Sallyport key signs in, by name; undefined where keys sign nobody in. Throws `unauthenticated`. */
  readonly signInWithKey: (tenant: string) => SignInWithKey | undefined;
  readonly ingress: Pick<Ingress, 'addressOf'>;
  /** Begins a session of somebody who signed in for a page of console, in place of the one in a `Cookie` header; gives its cookie. */
  readonly beginSession: (person: Person, provider: string, cookie: string | undefined) => Promise<string>;
  /** What a tool can do, by its scope, in words; '' when unknown. */
  readonly remark: (tenant: string, scope: string) => string;
  readonly requestTimeoutMs: number;
}

type Details = Awaited<ReturnType<Provider['interactionDetails']>>;
type Step = (context: Context) => Promise<void>;

interface Context {
  readonly req: Request;
  readonly res: Response;
  readonly tenant: string;
  readonly provider: Provider;
  readonly details: Details;
  readonly signal: AbortSignal;
}

/** Scopes that are about the tokens themselves; nothing is allowed by them. */
const LIBRARY_SCOPES = new Set(['openid', 'offline_access']);
const FORM_TOKEN = 'interaction form';

/** Mounts the pages between an authorization request and its answer. Each is bound to its browser by the library's cookie. */
export function mountInteractions(app: Express, options: InteractionOptions): void {
  const { issuers, keys, consents, upstream } = options;

  const step = (run: Step) => async (req: Request, res: Response) => {
    res.set(PAGE_HEADERS);
    const tenant = String(req.params.tenant);
    const provider = issuers.of(tenant);
    issuers.prepare(req);
    const details = await provider.interactionDetails(req, res).catch((error: unknown) => {
      throw new GatewayError(
        'invalid_request',
        'This sign-in has ended, or it began in another browser. Start again.',
        {
          cause: error,
        },
      );
    });
    if (details.uid !== req.params.uid) throw new GatewayError('invalid_request', 'This sign-in has ended.');
    // A form that ends in a redirect may only lead where this very client is sent back to.
    res.setHeader('content-security-policy', policyFor(details));
    const signal = withTimeout(clientGone(res), options.requestTimeoutMs);
    await run({ req, res, tenant, provider, details, signal });
  };
  const tokenOf = ({ tenant, details }: Context) =>
    keys.token(FORM_TOKEN, tenant, details.uid, details.prompt.name, details.session?.accountId ?? '');
  const guardedForm = async (context: Context): Promise<URLSearchParams> => {
    const form = await formOf(context.req, context.signal);
    if (!isSameSite(context.req) || !sameText(fieldOf(form, 'csrf'), tokenOf(context))) {
      throw new GatewayError('permission_denied', 'This form is not of your sign-in. Nothing was allowed.');
    }
    return form;
  };
  const pathOf = ({ tenant, details }: Context, rest: string) => `/oauth/${tenant}/interaction/${details.uid}${rest}`;

  const showSignIn = async (context: Context, status: number, problem = '') => {
    const providers = upstream.providersOf(context.tenant);
    const [only] = providers;
    if (
      only !== undefined &&
      providers.length === 1 &&
      options.signInWithKey(context.tenant) === undefined &&
      problem === ''
    ) {
      return void context.res.redirect(303, pathOf(context, `/sign-in/${only}`));
    }
    const choices = {
      providers: providers.map((name) => ({ name, path: pathOf(context, `/sign-in/${name}`) })),
      keyPath: options.signInWithKey(context.tenant) === undefined ? undefined : pathOf(context, '/key'),
    };
    const client = await shownClient(context, options);
    sendPage(context.res, status, signInPage(client, choices, tokenOf(context), problem));
  };

  const show: Step = async (context) => {
    if (context.details.prompt.name === 'login') return showSignIn(context, 200);
    const user = userOf(context.details.session?.accountId);
    if (context.details.prompt.name !== 'consent' || user === undefined) throw ended();
    const client = await shownClient(context, options);
    const page = consentPage(
      {
        client,
        user,
        tenant: context.tenant,
        resources: askedFor(context, options),
        lasting: (await clientOf(context)).grantTypeAllowed('refresh_token'),
        remark: (scope) => options.remark(context.tenant, scope),
      },
      pathOf(context, '/consent'),
      tokenOf(context),
    );
    sendPage(context.res, 200, page);
  };

  const withKey: Step = async (context) => {
    const signIn = options.signInWithKey(context.tenant);
    if (signIn === undefined || context.details.prompt.name !== 'login') throw ended();
    const form = await guardedForm(context);
    try {
      const user = await signIn(fieldOf(form, 'key').trim(), options.ingress.addressOf(context.req));
      await finish(context, { login: { accountId: accountOf(user) } });
    } catch (error) {
      const { code } = asGatewayError(error);
      if (code === 'unauthenticated') return showSignIn(context, 403, 'This key is not valid.');
      if (code === 'permission_denied') return showSignIn(context, 403, 'This key signs nobody in here.');
      throw error;
    }
  };

  const begin: Step = async (context) => {
    if (context.details.prompt.name !== 'login') throw ended();
    const { req, res, tenant, details } = context;
    const { url, cookie } = await upstream.begin(tenant, String(req.params.provider), { uid: details.uid });
    res.setHeader('set-cookie', cookie);
    res.redirect(303, url);
  };

  const decide: Step = async (context) => {
    const { tenant, provider, details } = context;
    const user = userOf(details.session?.accountId);
    if (details.prompt.name !== 'consent' || user === undefined) throw ended();
    const decision = fieldOf(await guardedForm(context), 'decision');
    if (decision === 'deny') {
      return finish(context, { error: 'access_denied', error_description: 'The person said no.' });
    }
    if (decision !== 'allow') throw new GatewayError('invalid_request', 'Choose one of the buttons.');
    const client = await clientOf(context);
    const grant = new provider.Grant({ accountId: accountOf(user), clientId: client.clientId });
    const asked = askedFor(context, options);
    // Recorded before it counts: what is remembered is not asked for again.
    await options.records.add(tenant, {
      by: accountOf(user),
      user,
      client: client.clientId,
      action: 'consents.give',
      target: { client: client.clientId, resources: asked },
    });
    for (const { resource, scopes } of asked) {
      grant.addResourceScope(resource, scopes.join(' '));
      await consents.remember(tenant, { user, client: client.clientId, resource }, scopes);
    }
    const own = String(details.params.scope)
      .split(' ')
      .filter((scope) => LIBRARY_SCOPES.has(scope));
    if (own.length > 0) grant.addOIDCScope(own.join(' '));
    await finish(context, { consent: { grantId: await grant.save() } });
  };

  const finish = async ({ req, res, provider }: Context, result: object) => {
    res.redirect(303, await provider.interactionResult(req, res, result as never, { mergeWithLastSubmission: true }));
  };

  const callback = async (req: Request, res: Response) => {
    res.set(PAGE_HEADERS);
    const tenant = String(req.params.tenant);
    const provider = issuers.of(tenant);
    const completed = await upstream.complete(tenant, req);
    if ('again' in completed) {
      res.setHeader('set-cookie', completed.again.cookie);
      return res.redirect(303, completed.again.url);
    }
    const { purpose, provider: by, person, endCookie } = completed;
    res.setHeader('set-cookie', endCookie);
    if (purpose.page !== undefined) {
      res.appendHeader('set-cookie', await options.beginSession(person, by, req.headers.cookie));
      return sendPage(res, 200, arrivedPage(purpose.page));
    }
    const interaction = await provider.Interaction.find(purpose.uid);
    if (interaction === undefined) throw ended();
    interaction.result = { ...interaction.lastSubmission, login: { accountId: accountOf(person.name) } };
    await interaction.persist();
    // The library looks for its cookie there: an answer in another browser ends here.
    res.redirect(303, interaction.returnTo);
  };

  const base = '/oauth/:tenant/interaction/:uid';
  app.get(base, step(show));
  app.get(`${base}/sign-in/:provider`, step(begin));
  app.post(`${base}/key`, step(withKey));
  app.post(`${base}/consent`, step(decide));
  app.get('/oauth/:tenant/callback', callback);
}

async function clientOf({ provider, details }: Context) {
  const client = await provider.Client.find(String(details.params.client_id));
  if (client === undefined) throw ended();
  return client;
}

async function shownClient(context: Context, { issuers }: InteractionOptions): Promise<ShownClient> {
  const client = await clientOf(context);
  const declared = issuers.clients.declared(context.tenant, client.clientId) !== undefined;
  const url = new URL(String(context.details.params.redirect_uri));
  const here = url.protocol === 'http:' || url.protocol !== 'https:';
  return {
    name: client.clientName ?? client.clientId,
    unverified: !declared,
    returnsTo: here ? `${url.protocol}//${url.host} (an application on your own computer)` : url.host,
  };
}

/** The resources of a request with the scopes of each that the client may have. */
function askedFor({ tenant, details }: Context, { issuers }: InteractionOptions) {
  const { resource: named, scope, client_id: clientId } = details.params as Record<string, unknown>;
  const bases = issuers.bases(tenant);
  const resources = named === undefined ? [`${bases[0]}${RESOURCE_PATHS[0]}`] : [named].flat().map(String);
  const wanted = String(scope ?? '').split(' ');
  const allowed = scopesOfClient({ tenant, clients: issuers.clients }, String(clientId));
  return resources.flatMap((resource) => {
    const known = scopesAt(resource, wanted, bases) ?? [];
    const scopes = known.filter((one) => wanted.includes(one) && mayHave(allowed, one));
    return scopes.length === 0 ? [] : [{ resource, scopes }];
  });
}

function mayHave(allowed: readonly string[], scope: string): boolean {
  const plain = scope.startsWith('tool:') ? 'mcp' : scope.startsWith('model:') ? 'models' : scope;
  return allowed.includes(scope) || allowed.includes(plain);
}

function policyFor({ params }: Details): string {
  const url = URL.parse(String(params.redirect_uri ?? ''));
  const target = url === null ? '' : url.protocol.startsWith('http') ? ` ${url.origin}` : ` ${url.protocol}`;
  return (PAGE_HEADERS['content-security-policy'] as string).replace(
    "form-action 'self'",
    `form-action 'self'${target}`,
  );
}

function ended(): GatewayError {
  return new GatewayError('invalid_request', 'This sign-in has ended. Start again where you came from.');
}

function sendPage(res: Response, status: number, markup: string): void {
  res.status(status).type('text/html').send(markup);
}
