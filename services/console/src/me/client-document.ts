/** What this gateway is as a client of authorization servers (OAuth Client ID Metadata Document); the URL is its id. */
export function clientDocument(publicUrl: string) {
  return {
    client_id: `${publicUrl}/me/client.json`,
    client_name: 'Sallyport',
    client_uri: publicUrl,
    redirect_uris: [`${publicUrl}/me/callback`],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: 'web',
  };
}
