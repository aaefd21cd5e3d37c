// Runs Twilio's own library for Node against Otpost, changed in nothing but its base URL. As twilio.py, which says
// how Otpost is started for it:
//
//     npm install twilio@6 && node scripts/compat/twilio.mjs

import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as rest } from "node:timers/promises";

// From where it is run, not from where this file is.
const twilio = createRequire(join(process.cwd(), "package.json"))("twilio");

const URL_OF_IT = process.env.OTPOST_URL ?? "http://127.0.0.1:8080";
const PATH = process.env.OTPOST_PATH ?? "/twilio";
const MADE = JSON.parse(process.env.OTPOST_KEY);
const ACCOUNT = "AC" + "0".repeat(32);
const KEY_SID = "SK" + MADE.id.replaceAll("-", "");
const PATIENCE_MS = 10_000;

const rows = [];

function client(user, password, options) {
  const made = twilio(user, password, options);
  made.verify.baseUrl = URL_OF_IT + PATH;
  return made;
}

function row(what, came, expected) {
  const good = JSON.stringify(came) === JSON.stringify(expected);
  rows.push({ what, came, expected, good });
}

// Status and number of the error that a call ends with.
async function fault(call) {
  try {
    await call();
  } catch (error) {
    return [error.status, error.code];
  }
  return "no error";
}

let numbers = Math.floor(Math.random() * 10_000);

// A valid US number, another one each time, that other runs hardly have.
function number() {
  numbers = (numbers + 1) % 10_000;
  return "+1202555" + String(numbers).padStart(4, "0");
}

// What the person reads.
async function codeOf(to) {
  const until = Date.now() + PATIENCE_MS;
  while (Date.now() < until) {
    const answer = await fetch(`${URL_OF_IT}/inbox.json?to=${encodeURIComponent(to)}`);
    const messages = (await answer.json()).filter((one) => one.channel === "sms");
    if (messages.length > 0) return messages[0].text.match(/(?<!\d)\d{6}(?!\d)/)[0];
    await rest(50);
  }
  throw new Error("no code came: is it the console provider, on this machine?");
}

function otherThan(code) {
  return String((Number(code[0]) + 1) % 10) + code.slice(1);
}

async function verify(service) {
  const start = (to, more) => service.verifications.create({ to, channel: "sms", ...more });
  const check = (to, code) => service.verificationChecks.create({ to, code });

  let to = number();
  const first = await start(to);
  row("start", [first.status, first.valid, first.to], ["pending", false, to]);
  row("start: a date", first.dateCreated instanceof Date && !isNaN(first.dateCreated), true);
  const again = await start(to, { channel: "call" });
  row("resend: the same", again.sid === first.sid, true);
  row("resend: both are listed", again.sendCodeAttempts.map((one) => one.channel), ["SMS", "CALL"]);
  const code = await codeOf(to);
  for (let n = 1; n <= 5; n++) {
    const wrong = await check(to, otherThan(code));
    row(`wrong code ${n}`, [wrong.status, wrong.valid], ["pending", false]);
  }
  row("sixth code", await fault(() => check(to, code)), [429, 60202]);
  row("fetch by number", (await service.verifications(to).fetch()).status, "max_attempts_reached");

  to = number();
  const { sid } = await start(to);
  row("fetch by sid", (await service.verifications(sid).fetch()).status, "pending");
  const right = await check(to, await codeOf(to));
  row("right code", [right.status, right.valid, right.sid], ["approved", true, sid]);
  row("fetch what is approved", await fault(() => service.verifications(sid).fetch()), [404, 20404]);
  row("check what is approved", await fault(() => check(to, "1234")), [404, 20404]);

  to = number();
  await start(to);
  const cancel = () => service.verifications(to).update({ status: "canceled" });
  row("cancel", (await cancel()).status, "canceled");
  row("cancel again", await fault(cancel), [404, 20404]);

  to = number();
  for (let n = 0; n < 5; n++) await start(to);
  row("sixth start", await fault(() => start(to)), [429, 60203]);

  await service.update({ customCodeEnabled: true });
  to = number();
  await start(to, { customCode: "abc123" });
  row("custom code", (await check(to, "abc123")).status, "approved");

  await service.rateLimits.create({ uniqueName: "end_user" }).then((limit) =>
    service.rateLimits(limit.sid).buckets.create({ max: 1, interval: 60 }),
  );
  const counted = { rateLimits: { end_user: "203.0.113.9" } };
  await start(number(), counted);
  row("second start of a value", await fault(() => start(number(), counted)), [429, 20429]);
  row("no number", await fault(() => start("2025550143")), [400, 60200]);
}

async function settings(services) {
  const before = new Set((await services.list()).map((one) => one.sid));
  const made = [];
  for (let n = 0; n < 3; n++) made.push(await services.create({ friendlyName: `Page ${n}` }));
  const listed = (await services.list({ pageSize: 1 })).filter((one) => !before.has(one.sid));
  row("list, one a page", listed.map((one) => one.sid), made.map((one) => one.sid));
  for (const one of made.slice(1)) row("delete", await services(one.sid).remove(), true);
  row("fetch what is deleted", await fault(() => services(made[1].sid).fetch()), [404, 20404]);
  return made[0].sid;
}

const here = client(ACCOUNT, MADE.key);
const sid = await settings(here.verify.v2.services);
await verify(here.verify.v2.services(sid));
for (const [what, user, password] of [
  ["wrong token", ACCOUNT, "wrong"],
  ["foreign account", "AC" + "1".repeat(32), MADE.key],
]) {
  row(what, await fault(() => client(user, password).verify.v2.services(sid).fetch()), [401, 20003]);
}
const ofKey = client(KEY_SID, MADE.key, { accountSid: ACCOUNT });
row("API key", (await ofKey.verify.v2.services(sid).fetch()).sid, sid);
const unknown = here.verify.v2.services("VA" + "9".repeat(32));
const there = () => unknown.verifications.create({ to: number(), channel: "sms" });
row("unknown service", await fault(there), [404, 20404]);
row("delete", await here.verify.v2.services(sid).remove(), true);

for (const { what, came, expected, good } of rows) {
  const said = good ? JSON.stringify(came) : `${JSON.stringify(came)}, expected ${JSON.stringify(expected)}`;
  console.log(`${good ? "ok " : "BAD"}  ${what.padEnd(32)}  ${said}`);
}
const bad = rows.filter((one) => !one.good).length;
console.log(`${rows.length - bad} of ${rows.length}`);
process.exit(bad === 0 ? 0 : 1);
