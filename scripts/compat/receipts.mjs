// Verifies a receipt of Otpost as an application does, with jose and the published keys alone. As receipts.py, which
// says how Otpost is started for it:
//
//     npm install jose@6 && node scripts/compat/receipts.mjs

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { pathToFileURL } from "node:url";

// From where it is run, not from where this file is.
const found = createRequire(join(process.cwd(), "package.json")).resolve("jose");
const { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } = await import(pathToFileURL(found));

const URL_OF_IT = process.env.OTPOST_URL ?? "http://127.0.0.1:8080";
const ISSUER = process.env.OTPOST_ISSUER ?? URL_OF_IT;
const { key } = JSON.parse(process.env.OTPOST_KEY);
const TENANT = "00000000-0000-0000-0000-000000000000";
const PATIENCE_MS = 10_000;

const keys = createRemoteJWKSet(new URL(`${URL_OF_IT}/.well-known/jwks.json`));
const rows = [];

async function post(path, body) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const answer = await fetch(URL_OF_IT + path, { method: "POST", headers, body: JSON.stringify(body) });
  return [answer.status, await answer.json()];
}

// What the person reads.
async function codeOf(to) {
  const until = performance.now() + PATIENCE_MS;
  while (performance.now() < until) {
    const answer = await fetch(`${URL_OF_IT}/inbox.json?to=${encodeURIComponent(to)}`);
    const [newest] = await answer.json();
    if (newest) return newest.text.match(/\b\d{6}\b/)[0];
    await rest(50);
  }
  console.error("no code came: is it the console provider, on this machine?");
  process.exit(1);
}

// As docs/api.md has it.
async function isProof(receipt, number, purpose, subject, { issuer = ISSUER, audience = TENANT } = {}) {
  const { payload } = await jwtVerify(receipt, keys, {
    algorithms: ["EdDSA"],
    typ: "otpost-receipt+jwt",
    issuer,
    audience,
    requiredClaims: ["exp", "iat", "jti"],
  });
  const known = createHash("sha256").update(`${payload.jti}:${number}`).digest("hex");
  return (
    payload.purpose === purpose &&
    payload.sub === subject &&
    payload.to_hash === known &&
    payload.test === undefined
  );
}

async function tried(...given) {
  try {
    return await isProof(...given);
  } catch (error) {
    return error.code;
  }
}

const row = (what, came, expected) => rows.push({ what, came, expected });
const number = "+1202555" + String(Math.floor(Math.random() * 10_000)).padStart(4, "0");
const [, created] = await post("/v1/verifications", { to: number, subject: "user-17" });
const [, checked] = await post("/v1/verifications/check", {
  session_token: created.session_token,
  subject: "user-17",
  code: await codeOf(number),
});
const { receipt } = checked;
const [header, payload, signature] = receipt.split(".");
const flipped = signature.slice(0, -6) + (signature.at(-6) === "A" ? "B" : "A") + signature.slice(-5);
const none = { ...decodeProtectedHeader(receipt), alg: "none" };
const unsigned = Buffer.from(JSON.stringify(none)).toString("base64url");
const ours = [number, "default", "user-17"];
const elsewhere = { issuer: "https://elsewhere.example" };
const failed = "ERR_JWT_CLAIM_VALIDATION_FAILED";

row("a receipt", await tried(receipt, ...ours), true);
row("another number", await tried(receipt, "+12025550000x", "default", "user-17"), false);
row("another purpose", await tried(receipt, number, "login", "user-17"), false);
row("another subject", await tried(receipt, number, "default", undefined), false);
row("another issuer", await tried(receipt, ...ours, elsewhere), failed);
row("another tenant", await tried(receipt, ...ours, { audience: `${TENANT.slice(0, -1)}1` }), failed);
row(
  "a changed signature",
  await tried(`${header}.${payload}.${flipped}`, ...ours),
  "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
);
row("alg none", await tried(`${unsigned}.${payload}.`, ...ours), "ERR_JOSE_ALG_NOT_ALLOWED");
const consume = { receipt, purpose: "default", subject: "user-17" };
row("consumed", (await post("/v1/receipts/consume", consume))[0], 200);
row("consumed again", (await post("/v1/receipts/consume", consume))[1].code, "receipt_already_consumed");

for (const { what, came, expected } of rows) {
  console.log(came === expected ? "ok " : "BAD", what.padEnd(20), came);
}
process.exitCode = rows.some(({ came, expected }) => came !== expected) ? 1 : 0;
