// What a client does with the third version of openid-client to sign a person in.
// The browser is played by fetch with the person's cookie.
import openid from "openid-client-3";

const { ISSUER, COOKIE, BACK, GOODBYE, CLIENT_ID, WAY, CLIENT_SECRET, API_NAME, API_SECRET, ALGORITHM } = process.env;
const { generators } = openid;
const browse = (url) => fetch(url, { redirect: "manual", headers: { cookie: COOKIE } });

const issuer = await openid.Issuer.discover(ISSUER);
const client = new issuer.Client({
  client_id: CLIENT_ID, redirect_uris: [BACK],
  ...(ALGORITHM ? { id_token_signed_response_alg: ALGORITHM } : {}), // without, it expects RS256
  ...(WAY === "public" ? { token_endpoint_auth_method: "none" } : { client_secret: CLIENT_SECRET }),
});
const api = new issuer.Client({ client_id: API_NAME, client_secret: API_SECRET });

// Code with PKCE, the answer in the query.
const begin = async (more) => {
  const checks = { code_verifier: generators.codeVerifier(), state: generators.state(), nonce: generators.nonce(), response_type: more.response_type };
  const url = client.authorizationUrl({
    scope: "openid email library offline_access", state: checks.state, nonce: checks.nonce,
    code_challenge: generators.codeChallenge(checks.code_verifier), code_challenge_method: "S256", ...more,
  });
  return { answer: await browse(url), checks };
};
let { answer, checks } = await begin({ response_type: "code" });
const tokens = await client.callback(BACK, client.callbackParams(answer.headers.get("location")), checks);
const said = { sub: tokens.claims().sub };
said.email = (await client.userinfo(tokens)).email;

// Hybrid, the answer posted by a form.
({ answer, checks } = await begin({ response_type: "code id_token", response_mode: "form_post" }));
const page = await answer.text();
const text = (s) => s.replaceAll("&#43;", "+").replaceAll("&#39;", "'").replaceAll("&#34;", '"').replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
const form = Object.fromEntries([...page.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)].map((m) => [m[1], text(m[2])]));
const hybrid = await client.callback(BACK, client.callbackParams({ method: "POST", url: new URL(BACK).pathname, body: form }), checks);
said.hybrid = hybrid.claims().sub;

const next = await client.refresh(tokens);
said.refreshed = next.claims().sub;
const found = await api.introspect(next.access_token, "access_token");
Object.assign(said, { active: found.active, scope: found.scope });
await client.revoke(next.refresh_token, "refresh_token");
said.revoked = (await api.introspect(next.access_token)).active;

const out = client.endSessionUrl({ id_token_hint: hybrid.id_token, post_logout_redirect_uri: GOODBYE, state: "bye" });
said.goodbye = (await browse(out)).headers.get("location");
console.log(JSON.stringify(said));
