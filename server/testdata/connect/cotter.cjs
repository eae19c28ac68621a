// What servers and pages do with the packages cotter-node and cotter-token-js, of
// which nothing is changed but the base URL, and with jsonwebtoken and a PEM made
// of a key by its kid or of the first one.
const { CotterValidateJWT, Constants } = require("cotter-node");
const { CotterAccessToken, CotterIDToken } = require("cotter-token-js");
const jwt = require("jsonwebtoken");
const jwkToPem = require("jwk-to-pem");

const { ISSUER, CLIENT_ID, ACCESS, IDENTITY, CUSTOM } = process.env;
Constants.BaseURL = ISSUER + "/api/v0";

(async () => {
  const log = console.log;
  console.log = () => {}; // cotter-node says the base URL aloud
  const said = { valid: [], claims: [] };
  for (const token of [ACCESS, IDENTITY, CUSTOM, ACCESS.slice(0, -4) + "AAAA"]) said.valid.push(await CotterValidateJWT(token));
  console.log = log;

  const { keys } = await (await fetch(Constants.BaseURL + Constants.JWKSPath)).json();
  for (const token of [ACCESS, IDENTITY, CUSTOM]) {
    const { kid } = jwt.decode(token, { complete: true }).header;
    const options = { algorithms: ["ES256"], issuer: ISSUER, audience: CLIENT_ID };
    const named = jwt.verify(token, jwkToPem(keys.find((key) => key.kid === kid)), options);
    const first = jwt.verify(token, jwkToPem(keys[0]), options);
    said.claims.push([named.type, first.type]);
  }
  const access = new CotterAccessToken(ACCESS), identity = new CotterIDToken(IDENTITY);
  said.access = {
    id: access.getID(), user: access.getClientUserID(), identifier: access.getIdentifier(), method: access.getAuthMethod(),
    scope: access.getScope(), audience: access.getAudience(), life: access.getExpiration() - access.getIssuedAt(),
  };
  said.identity = {
    id: identity.getID(), user: identity.getClientUserID(), identifier: identity.getIdentifier(), time: typeof identity.getAuthTime(),
    audience: identity.getAudience(),
  };
  said.role = new CotterAccessToken(CUSTOM).payload.role;
  console.log(JSON.stringify(said));
})();
