// What a client and an API do with openid-client, newest version, and jose.
import * as client from "openid-client";
import { createRemoteJWKSet, jwtVerify } from "jose";

const { ISSUER, FORMAT, CLIENT_ID, CLIENT_SECRET, API_NAME, API_SECRET } = process.env;
const plain = { execute: [client.allowInsecureRequests] }; // the test is not behind TLS

const config = await client.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, client.ClientSecretBasic(CLIENT_SECRET), plain);
const api = await client.discovery(new URL(ISSUER), API_NAME, API_SECRET, client.ClientSecretPost(API_SECRET), plain);
const wrong = await client.discovery(new URL(ISSUER), CLIENT_ID, "wrong", client.ClientSecretPost("wrong"), plain);

const tokens = await client.clientCredentialsGrant(config, { scope: "library:read" });
const said = { scope: tokens.scope, before: await client.tokenIntrospection(api, tokens.access_token) };
if (FORMAT !== "reference") {
  const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
  const { payload, protectedHeader } = await jwtVerify(tokens.access_token, keys, { issuer: ISSUER, audience: API_NAME });
  Object.assign(said, { header: protectedHeader, audiences: payload.aud });
}
await client.tokenRevocation(config, tokens.access_token);
said.after = await client.tokenIntrospection(api, tokens.access_token);
said.refused = await client.clientCredentialsGrant(wrong).then(() => 200, (e) => e.status);
console.log(JSON.stringify(said));
