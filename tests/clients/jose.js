// Opens a token with jose, makes another for the same session, and prints both.
"use strict";

const { EncryptJWT, jwtDecrypt } = require("jose");

const { key, token, issuer, now } = JSON.parse(process.argv[2]);
const secret = Buffer.from(key, "base64");

(async () => {
  const { protectedHeader, payload } = await jwtDecrypt(token, secret, {
    issuer,
    currentDate: new Date(now * 1000),
    requiredClaims: ["sub", "sid", "iat", "exp", "jti"],
    keyManagementAlgorithms: ["dir"],
    contentEncryptionAlgorithms: ["A256GCM"],
  });
  console.log(JSON.stringify(["opened", protectedHeader, payload]));
  const made = await new EncryptJWT({ sid: payload.sid })
    .setProtectedHeader({ alg: "dir", enc: "A256GCM", typ: "JWT" })
    .setIssuer(issuer)
    .setSubject(payload.sub)
    .setJti("made with jose")
    .setIssuedAt(now)
    .setExpirationTime(now + 60)
    .encrypt(secret);
  console.log(JSON.stringify(["made", made]));
})();
