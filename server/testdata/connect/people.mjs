// What a client does with openid-client, newest version, to sign a person in. The
// browser is played by fetch with the person's cookie.
import * as client from "openid-client";
import { importJWK } from "jose";

const { ISSUER, COOKIE, BACK, GOODBYE, CLIENT_ID, WAY, CLIENT_SECRET, CLIENT_KEY, API_NAME, API_SECRET } = process.env;
const plain = { execute: [client.allowInsecureRequests] }; // the test is not behind TLS
const browse = (url) => fetch(url, { redirect: "manual", headers: { cookie: COOKIE } });

const proofs = {
  secret: () => client.ClientSecretBasic(CLIENT_SECRET),
  public: () => client.None(),
  key: async () => client.PrivateKeyJwt({ key: await importJWK(JSON.parse(CLIENT_KEY)), kid: "k1" }),
};
const config = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, await proofs[WAY](), plain);
const api = await client.discovery(new URL(ISSUER), API_NAME, API_SECRET, client.ClientSecretPost(API_SECRET), plain);

// Code with PKCE, the answer in the query.
const begin = async (more) => {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const expectedNonce = client.randomNonce();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: BACK, scope: "openid email library offline_access", state: expectedState, nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: "S256", ...more,
  });
  return { answer: await browse(url), checks: { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true } };
};
let { answer, checks } = await begin({});
const tokens = await client.authorizationCodeGrant(config, new URL(answer.headers.get("location")), checks);
const said = { sub: tokens.claims().sub, scope: "" };
const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
said.email = info.email;

// Hybrid, the answer posted by a form.
client.useCodeIdTokenResponseType(config);
({ answer, checks } = await begin({ response_mode: "form_post", response_type: "code id_token" }));
const page = await answer.text();
const text = (s) => s.replaceAll("&#43;", "+").replaceAll("&#39;", "'").replaceAll("&#34;", '"').replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
const form = new URLSearchParams([...page.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)].map((m) => [m[1], text(m[2])]));
const posted = new Request(BACK, { method: "POST", body: form });
const hybrid = await client.authorizationCodeGrant(config, posted, checks);
said.hybrid = hybrid.claims().sub;

const next = await client.refreshTokenGrant(config, tokens.refresh_token);
said.refreshed = next.claims().sub;
const found = await client.tokenIntrospection(api, next.access_token);
Object.assign(said, { active: found.active, scope: found.scope });
await client.tokenRevocation(config, next.refresh_token, { token_type_hint: "refresh_token" });
said.revoked = (await client.tokenIntrospection(api, next.access_token)).active;

const out = client.buildEndSessionUrl(config, { id_token_hint: hybrid.id_token, post_logout_redirect_uri: GOODBYE, state: "bye" });
said.goodbye = (await browse(out)).headers.get("location");
console.log(JSON.stringify(said));
