// A resource server: it verifies tokens by the issuer's /jwks, and knows neither clusters nor rules. TLS is left out to keep it small.
import { createServer } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { ISSUER: issuer, RESOURCE: audience, SCOPE: scope } = process.env;
const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));

async function answer({ headers }) {
  const [, token] = /^Bearer (\S+)$/.exec(headers.authorization ?? '') ?? [];
  if (token === undefined) return [401, { error: 'invalid_token' }];
  try {
    const { payload } = await jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt' });
    if (!String(payload.scope).split(' ').includes(scope)) return [403, { error: 'insufficient_scope' }];
    return [200, { calendar: ['09:00 stand-up'], reader: payload.sub }];
  } catch (error) {
    return [401, { error: 'invalid_token', error_description: error.code }];
  }
}

const server = createServer(async (request, response) => {
  const [status, body] = await answer(request);
  console.log(status, body.reader ?? body.error_description ?? body.error);
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
});
server.listen(8080);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
