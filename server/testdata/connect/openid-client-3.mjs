// What a client and an API do with the third version of openid-client, and jose.
import openid from "openid-client-3";
import { createRemoteJWKSet, jwtVerify } from "jose";

const { ISSUER, FORMAT, CLIENT_ID, CLIENT_SECRET, API_NAME, API_SECRET } = process.env;

const issuer = await openid.Issuer.discover(ISSUER);
const client = new issuer.Client({ client_id: CLIENT_ID, client_secret: CLIENT_SECRET });
const api = new issuer.Client({ client_id: API_NAME, client_secret: API_SECRET, introspection_endpoint_auth_method: "client_secret_post" });
const wrong = new issuer.Client({ client_id: CLIENT_ID, client_secret: "wrong" });

const tokens = await client.grant({ grant_type: "client_credentials", scope: "library:read" });
const said = { scope: tokens.scope, before: await api.introspect(tokens.access_token, "access_token") };
if (FORMAT !== "reference") {
  const keys = createRemoteJWKSet(new URL(issuer.jwks_uri));
  const { payload, protectedHeader } = await jwtVerify(tokens.access_token, keys, { issuer: ISSUER, audience: API_NAME });
  Object.assign(said, { header: protectedHeader, audiences: payload.aud });
}
await client.revoke(tokens.access_token, "access_token");
said.after = await api.introspect(tokens.access_token);
said.refused = await wrong.grant({ grant_type: "client_credentials" }).then(() => 200, (e) => e.response.statusCode);
console.log(JSON.stringify(said));
