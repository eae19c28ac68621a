"""What a server in Python does that takes the first key of the JWKS, whatever its kid."""

import json
import os
import urllib.request

import jwt

with urllib.request.urlopen(os.environ["ISSUER"] + "/api/v0/token/jwks") as answer:
    key = json.load(answer)["keys"][0]
for name in ("ACCESS", "IDENTITY", "CUSTOM"):
    claims = jwt.decode(
        os.environ[name],
        jwt.algorithms.ECAlgorithm.from_jwk(json.dumps(key)),
        algorithms=["ES256"],
        audience=os.environ["CLIENT_ID"],
        issuer=os.environ["ISSUER"],
    )
    print(claims["type"])
