/** What a browser shows after it followed redirects within a site. */
export interface Page {
  readonly url: string;
  readonly status: number;
  readonly markup: string;
  /** Where it was sent outside of the site; undefined while it is still on it. */
  readonly away: string | undefined;
}

/** A browser as far as sign-in and consent need one: cookies by path, redirects, forms. No scripts. */
export interface Browser {
  open(url: string): Promise<Page>;
  /** Sends the form of a page whose action ends so, with its hidden fields and these. */
  submit(page: Page, actionEnd: string, fields: Readonly<Record<string, string>>): Promise<Page>;
}

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
}

/** Opens a browser that stays on the sites of these origins. */
export function browser(...origins: readonly string[]): Browser {
  const cookies: Cookie[] = [];
  const go = async (start: string, form?: URLSearchParams): Promise<Page> => {
    let [url, body] = [start, form];
    for (let step = 0; step < 20; step += 1) {
      const { origin, pathname } = new URL(url);
      if (!origins.includes(origin)) return { url, status: 0, markup: '', away: url };
      const sent = cookies.filter(({ path }) => pathname === path || pathname.startsWith(path.replace(/\/?$/, '/')));
      const answer = await fetch(url, {
        method: body === undefined ? 'GET' : 'POST',
        redirect: 'manual',
        headers: {
          cookie: sent.map(({ name, value }) => `${name}=${value}`).join('; '),
          ...(body === undefined ? {} : { 'sec-fetch-site': 'same-origin' }),
        },
        ...(body === undefined ? {} : { body }),
      });
      for (const line of answer.headers.getSetCookie()) keep(cookies, line, pathname);
      const location = answer.headers.get('location');
      const markup = await answer.text();
      if (location === null) return { url, status: answer.status, markup, away: undefined };
      [url, body] = [new URL(location, url).href, undefined];
    }
    throw new Error('too many redirects');
  };
  return {
    open: (url) => go(url),
    submit(page, actionEnd, fields) {
      const forms = [...page.markup.matchAll(/<form[^>]* action="([^"]+)">([\s\S]*?)<\/form>/g)];
      const found = forms.find(([, action = '']) => action.endsWith(actionEnd));
      if (found === undefined) throw new Error(`no form for ${actionEnd} on: ${page.markup.slice(0, 2000)}`);
      const [, action = '', inner = ''] = found;
      const body = new URLSearchParams();
      for (const [, name = '', value = ''] of inner.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)) {
        body.set(name, value);
      }
      for (const [name, value] of Object.entries(fields)) body.set(name, value);
      return go(new URL(action, page.url).href, body);
    },
  };
}

function keep(cookies: Cookie[], line: string, pathname: string): void {
  const [pair = '', ...attributes] = line.split(/;\s*/);
  const name = pair.slice(0, pair.indexOf('='));
  const value = pair.slice(pair.indexOf('=') + 1);
  const attribute = (key: string) =>
    attributes.find((one) => one.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1);
  const path = attribute('path') ?? pathname;
  const held = cookies.findIndex((cookie) => cookie.name === name && cookie.path === path);
  if (held >= 0) cookies.splice(held, 1);
  const ended = value === '' || attribute('max-age') === '0' || Date.parse(attribute('expires') ?? '') <= Date.now();
  if (!ended) cookies.push({ name, value, path });
}
