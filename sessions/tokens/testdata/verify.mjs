// Verifies tokens as servers written for Node.js do: with jose, which reads the
// JWKS by itself, and with jsonwebtoken and a PEM made of the key.
import { createRemoteJWKSet, jwtVerify } from "jose";
import jwkToPem from "jwk-to-pem";
import jwt from "jsonwebtoken";

const [address, ...tokens] = process.argv.slice(2);
const algorithms = ["ES256", "ES384", "RS256"];
const remote = createRemoteJWKSet(new URL(address));
const { keys } = await (await fetch(address)).json();
for (const token of tokens) {
  const { payload, protectedHeader } = await jwtVerify(token, remote, { algorithms });
  const key = keys.find((key) => key.kid === protectedHeader.kid);
  const same = jwt.verify(token, jwkToPem(key), { algorithms });
  console.log(protectedHeader.alg, payload.sub, same.sub);
}
