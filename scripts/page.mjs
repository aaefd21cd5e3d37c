// Goes through the hosted page as a person without a mouse does: a real browser, a real `otpost serve`, codes
// from its inbox. Looks at narrow and wide, light and dark, from the left and from the right, and asks axe what
// a screen reader would meet. scripts/page.sh installs what it needs and runs it.
//   OTPOST       the binary
//   MODULES      where node_modules with playwright-core and axe-core is
//   CHROMIUM     the browser; /usr/bin/chromium if left out
//   SHOTS        a folder for screenshots, if any are wanted
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const need = (name) => process.env[name] ?? assert.fail(`${name} is not set: run ./scripts/page.sh`);
const require = createRequire(join(need("MODULES"), "x"));
const { chromium } = require("playwright-core");
const axe = require("axe-core");
const otpost = need("OTPOST");
const shots = process.env.SHOTS;
const folder = mkdtempSync(join(tmpdir(), "otpost-page-"));

// ---- what it talks to

// The application: a page that opens the widget, and the address that people come back to.
async function startApplication() {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://x");
    response.setHeader("content-type", "text/html; charset=utf-8");
    if (pathname === "/shop") {
      response.end(`<!doctype html><html lang="en"><title>Shop</title><main><h1>Shop</h1>
        <button id="open" style="min-height:44px">Confirm</button><output id="answer"></output></main>
        <script src="${service}/page/widget.js"></script><script>
        const open = document.getElementById("open");
        open.addEventListener("click", async () => {
          const answer = await Otpost.open(open.dataset.url, { title: "Confirm your number" });
          document.getElementById("answer").textContent = JSON.stringify(answer);
        });</script></html>`);
    } else {
      response.end(`<!doctype html><html lang="en"><title>Back</title><h1>${pathname}</h1></html>`);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, origin: `http://localhost:${server.address().port}` };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

async function until(what, look) {
  for (let tries = 0; tries < 300; tries += 1) {
    const found = await look().catch(() => null);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return assert.fail(`in thirty seconds there was no ${what}`);
}

const port = await freePort();
const service = `http://127.0.0.1:${port}`;
const { server: application, origin } = await startApplication();
const config = join(folder, "otpost.toml");
writeFileSync(config, `
[server]
listen = "127.0.0.1:${port}"
[data]
dir = "${join(folder, "data")}"
[limits]
recipient = ["100/1m"]
client_ip = ["1000/1m"]
[chains]
voice = ["console"]
email = ["console"]
[purposes.default]
resend_after_secs = 2
[page]
enabled = true
return_urls = ["${origin}"]
embed_origins = ["${origin}"]
`);
const serving = spawn(otpost, ["serve", "--config", config], { stdio: ["ignore", "ignore", "inherit"] });
serving.on("exit", (code) => { if (code) { console.error(`otpost ended with ${code}`); process.exit(1); } });
await until("service", async () => (await fetch(`${service}/readyz`)).ok);
const { key } = JSON.parse(execFileSync(otpost, ["key", "create", "--config", config, "--json"], { stdio: ["ignore", "pipe", "ignore"] }));

async function post(path, body) {
  const response = await fetch(service + path, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  assert.ok(response.ok, `${path}: ${JSON.stringify(answer)}`);
  return answer;
}

const link = (more) => post("/v1/pages", { return_url: `${origin}/back`, state: "a state", ...more });

async function message(to, count = 1) {
  const messages = await until(`message to ${to}`, async () => {
    const all = await (await fetch(`${service}/inbox.json?to=${encodeURIComponent(to)}`)).json();
    return all.length >= count ? all : null;
  });
  return messages[0].text;
}

const codeTo = async (to, count) => (await message(to, count)).match(/\d{6}/)[0];

// ---- what a person does, and what is looked at

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

async function open({ locale, width, scheme }) {
  const context = await browser.newContext({
    locale, colorScheme: scheme, viewport: { width, height: width < 500 ? 640 : 800 },
  });
  const page = await context.newPage();
  const troubles = [];
  page.on("console", (said) => {
    // An answer that refuses something is no trouble.
    if (said.type() === "error" && !said.text().includes("Failed to load resource")) troubles.push(said.text());
  });
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("request", (request) => {
    const { hostname } = new URL(request.url());
    if (!["127.0.0.1", "localhost"].includes(hostname)) troubles.push(`asked ${request.url()}`);
  });
  return { context, page, troubles };
}

let looks = 0;
const began = Date.now();
const say = (what) => console.log(`${((Date.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${what}`);
async function look(page, name) {
  const client = await page.context().newCDPSession(page);
  await client.send("Runtime.evaluate", { expression: axe.source });
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"], iframes: false }));
  const bad = found.violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  assert.deepEqual(bad.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), [], name);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${name}: scrolls sideways by ${wide}`);
  const small = await page.evaluate(() => [...document.querySelectorAll("button, input, select")]
    .filter((one) => one.checkVisibility() && one.type !== "radio" && one.getBoundingClientRect().height < 44)
    .map((one) => one.id || one.textContent));
  assert.deepEqual(small, [], `${name}: too small to hit`);
  if (shots) {
    mkdirSync(shots, { recursive: true });
    await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
  }
  looks += 1;
}

// Tab by tab, until what has this selector has the focus; each stop must show that it has it.
async function tabTo(page, selector) {
  for (let stops = 0; stops < 30; stops += 1) {
    const there = await page.evaluate((selector) => document.activeElement?.matches(selector), selector);
    if (there) return;
    await page.keyboard.press("Tab");
    const ring = await page.evaluate(() => {
      const { activeElement: one } = document;
      return one === document.body || one.tagName === "IFRAME" || getComputedStyle(one).outlineStyle !== "none";
    });
    assert.ok(ring, "the focus cannot be seen");
  }
  assert.fail(`${selector} is not reached by the keyboard`);
}

const shown = (page, id) => page.locator(`#${id}`).waitFor({ state: "visible" });
const focused = (page) => page.evaluate(() => document.activeElement.id);

async function comeBack(page, purpose) {
  await page.waitForURL(`${origin}/back?**`);
  const { searchParams } = new URL(page.url());
  assert.equal(searchParams.get("state"), "a state");
  await post("/v1/receipts/consume", { receipt: searchParams.get("receipt"), purpose });
}

// ---- the ways through

async function byKeyboard(place, n) {
  const name = `${place.locale}-${place.width}-${place.scheme}`;
  const { context, page, troubles } = await open(place);
  const to = `+1202555${String(n).padStart(4, "0")}`;
  await page.goto((await link({ channels: ["sms", "voice"] })).url);
  const { lang, dir } = await page.evaluate(() => {
    const { lang, dir } = document.documentElement;
    return { lang, dir };
  });
  assert.deepEqual([lang, dir], [place.locale.split("-")[0], ["ar", "he"].includes(place.locale.slice(0, 2)) ? "rtl" : "ltr"]);
  await look(page, `${name}-1-ask`);
  // A number that cannot be is refused, and said where the focus is.
  await tabTo(page, "#number");
  await page.keyboard.type("+4915");
  await page.keyboard.press("Enter");
  await page.locator("#ask-trouble:not(:empty)").waitFor();
  assert.deepEqual([await focused(page), await page.getAttribute("#number", "aria-invalid")], ["number", "true"]);
  await look(page, `${name}-2-wrong-number`);
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.type(to);
  await page.keyboard.press("Enter");
  await shown(page, "enter");
  assert.equal(await focused(page), "code");
  assert.match(await page.textContent("#sent"), /\+1\*{8}\d\d/);
  await look(page, `${name}-3-enter`);
  const code = await codeTo(to);
  await page.keyboard.type(code === "000000" ? "000001" : "000000");
  await page.keyboard.press("Enter");
  await page.locator("#enter-trouble:not(:empty)").waitFor();
  assert.equal(await focused(page), "code");
  await look(page, `${name}-4-wrong-code`);
  // Sent again as soon as the wait is over, by the keyboard too.
  await page.locator("#again:not([aria-disabled])").waitFor();
  await tabTo(page, "#again");
  await page.keyboard.press("Enter");
  assert.equal(await codeTo(to, 2), code);
  await page.locator("#status:not(:empty)").waitFor();
  await page.keyboard.type(code);
  await page.keyboard.press("Enter");
  await comeBack(page, "default");
  assert.deepEqual(troubles, []);
  await context.close();
  say(name);
}

async function whatElse() {
  const { context, page, troubles } = await open({ locale: "de-DE", width: 1280, scheme: "light" });
  // A national number, its country as the browser calls it, found by its first letters.
  await page.goto((await link({})).url);
  assert.equal(await page.$eval("#country", (one) => one.value), "DE");
  await tabTo(page, "#country");
  await page.keyboard.type("Vereinigte St");
  assert.equal(await page.$eval("#country", (one) => one.value), "US");
  await tabTo(page, "#number");
  await page.keyboard.type("202 555 0190");
  await page.keyboard.press("Enter");
  await shown(page, "enter");
  // A reload goes on where it was.
  await page.reload();
  await shown(page, "enter");
  const text = await message("+12025550190");
  await page.evaluate((text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text", text);
    const paste = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
    document.getElementById("code").dispatchEvent(paste);
  }, text);
  assert.equal(await page.inputValue("#code"), text.match(/\d{6}/)[0]);
  await page.keyboard.press("Enter");
  await comeBack(page, "default");
  say("a national number, a reload, a paste");
  // A number that the application knows: sent to at once.
  const fixed = await link({ to: "+12025550191" });
  await page.goto(fixed.url);
  await shown(page, "enter");
  await look(page, "de-1280-fixed");
  await page.keyboard.type(await codeTo("+12025550191"));
  await page.keyboard.press("Enter");
  await comeBack(page, "default");
  // The link counts once, and leads back.
  await page.goto(fixed.url);
  await look(page, "de-1280-over");
  await tabTo(page, ".leave a");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${origin}/back?error=not_verified&state=a+state`);
  say("a number of the link, a link that is over");
  // Wrong five times: then a new code, by the same button.
  await page.goto((await link({ channels: ["email", "sms"] })).url);
  await tabTo(page, "#address");
  await page.keyboard.type("ann@example.org");
  await page.keyboard.press("Enter");
  await shown(page, "enter");
  const first = await codeTo("ann@example.org");
  for (let guess = 0; guess < 5; guess += 1) {
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type(first.startsWith("1") ? "200000" : "100000");
    await page.keyboard.press("Enter");
    await page.waitForFunction((left) => document.getElementById("enter-trouble").textContent.includes(left),
      guess === 4 ? "neuen" : guess === 3 ? "einen" : String(4 - guess));
  }
  await page.keyboard.type(first);
  await page.keyboard.press("Enter");
  await page.locator("#again:not([aria-disabled])").waitFor();
  await tabTo(page, "#again");
  await page.keyboard.press("Enter");
  const second = await codeTo("ann@example.org", 2);
  await page.waitForFunction(() => document.activeElement.id === "code");
  await page.keyboard.type(second);
  await page.keyboard.press("Enter");
  await comeBack(page, "default");
  say("five wrong codes and a new one");
  // Whose answer is lost asks the same again, and has one code.
  const losses = [
    (route) => route.abort(),
    (route) => route.fulfill({ status: 200, body: "{" }),
    (route) => route.fulfill({ status: 504, body: "no answer in time" }),
  ];
  for (const [n, lose] of losses.entries()) {
    const asked = [];
    await page.route("**/create", async (route) => {
      asked.push(route.request().postData());
      if (asked.length > 1) return route.continue();
      await route.fetch();
      return lose(route);
    });
    await page.goto((await link({})).url);
    await tabTo(page, "#number");
    await page.keyboard.type(`+1202555019${n + 6}`);
    await page.keyboard.press("Enter");
    await page.locator("#ask-trouble:not(:empty)").waitFor();
    await page.keyboard.press("Enter");
    await shown(page, "enter");
    assert.deepEqual(asked, [asked[0], asked[0]]);
    await page.unroute("**/create");
    await page.keyboard.type(await codeTo(`+1202555019${n + 6}`));
    await page.keyboard.press("Enter");
    await comeBack(page, "default");
  }
  say("three answers that were lost");
  assert.deepEqual(troubles, []);
  await context.close();
}

async function embedded() {
  const { context, page, troubles } = await open({ locale: "he-IL", width: 1280, scheme: "dark" });
  const url = async (more) => (await link({ embed_origin: origin, return_url: undefined, ...more })).url;
  await page.goto(`${origin}/shop`);
  for (const ending of ["Escape", "code"]) {
    const address = await url();
    await page.$eval("#open", (one, address) => { one.dataset.url = address; }, address);
    await page.focus("#open");
    await page.keyboard.press("Enter");
    const frame = page.frameLocator("dialog iframe");
    await frame.locator("#number").waitFor();
    if (ending === "Escape") {
      // Not by the keyboard's own way: the frame is gone before the key is up, and the browser's answer with it.
      await frame.locator("#number").dispatchEvent("keydown", { key: "Escape", bubbles: true });
      await page.waitForFunction(() => document.getElementById("answer").textContent === "null");
      assert.equal(await focused(page), "open");
      say("out of the widget by Escape");
      continue;
    }
    await frame.locator("#number").focus();
    await page.keyboard.type("+12025550195");
    await page.keyboard.press("Enter");
    await frame.locator("#enter").waitFor({ state: "visible" });
    await look(page, "he-1280-widget");
    await page.keyboard.type(await codeTo("+12025550195"));
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.getElementById("answer").textContent.includes("receipt"));
    const { receipt, state } = JSON.parse(await page.textContent("#answer"));
    assert.equal(state, "a state");
    await post("/v1/receipts/consume", { receipt, purpose: "default" });
    say("through the widget");
  }
  // Nobody else can frame it.
  const other = await link({});
  await page.evaluate((url) => {
    const frame = document.createElement("iframe");
    frame.src = url;
    document.body.append(frame);
  }, other.url);
  await until("refusal", async () => troubles.some((said) => said.includes("frame-ancestors")));
  await context.close();
}

// A browser that hangs is not waited for.
const late = setTimeout(() => {
  console.error("not done in five minutes");
  serving.kill("SIGTERM");
  process.exit(1);
}, 300_000);
try {
  const places = [];
  for (const locale of ["ar-EG", "he-IL", "en-US"]) {
    for (const width of [320, 1280]) for (const scheme of ["light", "dark"]) places.push({ locale, width, scheme });
  }
  for (const [n, place] of places.entries()) await byKeyboard(place, 100 + n);
  await whatElse();
  await embedded();
  console.log(`the page holds: ${places.length + 10} ways through it, ${looks} looks at it`);
} catch (error) {
  // First of all: closing may fail too.
  console.error(error);
  process.exitCode = 1;
} finally {
  clearTimeout(late);
  await browser.close();
  application.close();
  serving.removeAllListeners("exit");
  serving.kill("SIGTERM");
  await once(serving, "exit");
  rmSync(folder, { recursive: true });
}
