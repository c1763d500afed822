/**
 * `GET /authorize` (RFC 6749 §3.1): clients refuse metadata that does not name it, and nobody can sign in here. Whoever comes is shown the
 * error, and is sent nowhere: nothing of the request is read, `redirect_uri` neither.
 */
export const authorizePage = Object.freeze({
  status: 400,
  type: 'text/html; charset=utf-8',
  text: `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>unsupported_response_type</title>
<h1>unsupported_response_type</h1>
<p>Nobody signs in here: this server gives tokens to workloads, at its token endpoint.</p>
</html>
`,
  headers: Object.freeze({
    'Content-Security-Policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  }),
});
