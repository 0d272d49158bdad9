import { type Html, html } from '@sallyport/chassis/pages/html';
import { visible } from '@sallyport/chassis/pages/visible';
import type { Accessible, OwnedCredential } from '@sallyport/proto/vault/v1/owned_pb';
import { page, type Viewer } from '../approve/layout.ts';
import { instant } from '../approve/words.ts';
import type { OwnThings } from './own-things.ts';
import { type ActionForm, part } from './parts.ts';

/** The credentials that a person put in, by reference, and the places that take one. */
export function credentialsPart({ credentials, accessible }: OwnThings, form: ActionForm): Html {
  const both = credentials === undefined || accessible === undefined ? undefined : { credentials, accessible };
  return part(
    'credentials',
    'Keys of yours to providers and tool servers',
    both,
    ({ credentials: own, accessible: takes }) => {
      const free = takes.filter((one) => !own.some((held) => held.kind === one.kind && held.resource === one.resource));
      return html`${own.length === 0 ? html`<p>You have put in none.</p>` : html`<ul>${own.map((one) => html`<li>${item(one, form)}</li>\n`)}</ul>`}
${free.length > 0 && placesOf(free)}`;
    },
  );
}

function item({ kind, resource, reference, origin, usable, changedAtMs }: OwnedCredential, form: ActionForm): Html {
  return html`<h3>${visible(resource)}</h3>
<p><code>${visible(reference)}</code>, sent to ${visible(origin)} alone${!usable && '; not used: the resource is elsewhere now, or takes none of yours'}; put in ${instant(changedAtMs)}</p>
${form('/me/credentials/remove', { kind, resource }, html`Remove the key to ${visible(resource)}`)}`;
}

function placesOf(takes: readonly Accessible[]): Html {
  return html`<ul>${takes.map(
    ({ kind, resource, reference, owner }) => html`<li><h3>${visible(resource)}</h3>
<p>${reference === '' ? 'None is used now.' : html`That of the ${owner?.kind ?? 'organisation'} is used now.`} <a href="/me/credentials/${encodeURIComponent(kind)}/${encodeURIComponent(resource)}">Put in a key of yours to ${visible(resource)}</a></p></li>
`,
  )}</ul>`;
}

/** The page with the form to put a credential in. */
export function credentialPage(kind: string, resource: string, viewer: Viewer, problem = ''): string {
  const described = problem === '' ? '' : html` aria-describedby="problem" aria-invalid="true"`;
  return page(
    `Your key to ${resource}`,
    html`<h1>Your key to ${visible(resource)}</h1>
${problem !== '' && html`<p class="notice" role="alert" id="problem">${problem}</p>`}
<p>Calls of yours to ${visible(resource)} are made with it. It is kept sealed, sent to that one host, and never shown again.</p>
<form method="post" action="/me/credentials">
<input type="hidden" name="csrf" value="${viewer.csrf}">
<input type="hidden" name="kind" value="${kind}">
<input type="hidden" name="resource" value="${resource}">
<div class="field">
<label for="value">The key</label>
<input id="value" name="value" type="password" autocomplete="off" autocapitalize="none" spellcheck="false" required${described}>
</div>
<button class="main" type="submit">Keep it</button>
</form>
<p><a href="/me">Back</a></p>`,
    viewer,
  );
}
