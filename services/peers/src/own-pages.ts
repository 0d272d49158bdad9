// Without anything that a browser would read as another host. Scopes are what a page to connect a tool server is asked for.
const OWN_PAGE = /^\/(approve|me)(\/[\w-][\w.-]{0,127}){0,3}(\?scopes=[\w.~%+*-]{1,2048})?$/;

/** Whether a text is the path of a page of people's own, which a sign-in may lead on to. */
export function isOwnPage(page: string): boolean {
  return OWN_PAGE.test(page);
}
