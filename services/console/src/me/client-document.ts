/**
 * What this gateway is as a client of authorization servers (OAuth Client ID Metadata Document); the URL is its id. Those
 * that do not name themselves in their answers know it by a document of their own and send people back to a path of their
 * own (`callback`, empty for the others), which is how their answers are told apart.
 */
export function clientDocument(publicUrl: string, callback = '') {
  const own = callback === '' ? '' : `/${callback}`;
  return {
    client_id: `${publicUrl}/me/client${own}.json`,
    client_name: 'Sallyport',
    client_uri: publicUrl,
    redirect_uris: [`${publicUrl}/me/callback${own}`],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: 'web',
  };
}
