"use strict";
// The steps of the hosted page: whom to send to, the code, and back to the application.
(() => {
  const page = JSON.parse(document.body.dataset.page);
  const { words } = page;
  const isEmbedded = page.embed !== null && window.parent !== window;
  const find = (id) => document.getElementById(id);
  const sections = ["begin", "ask", "enter", "done", "over"].map(find).filter(Boolean);
  const status = find("status");
  // What is known of the verification; kept while the tab lives, so that a reload goes on where it was.
  const PLACE = `otpost ${location.pathname.slice(-40)}`;
  let verification = null;
  let work = null;
  let listening = null;

  // ---- what is kept over a reload

  function keep() {
    try {
      if (verification) sessionStorage.setItem(PLACE, JSON.stringify(verification));
      else sessionStorage.removeItem(PLACE);
    } catch { /* A frame may not have any. */ }
  }

  function kept() {
    try {
      const found = JSON.parse(sessionStorage.getItem(PLACE));
      return found && found.expiresAt > Date.now() ? found : null;
    } catch {
      return null;
    }
  }

  // ---- talking to the service, and to the page around this one

  class Refused extends Error {
    constructor(answer, isDecided = false) {
      super(answer.said ?? words.failed);
      this.code = answer.code ?? "";
      // False when it may have been done all the same.
      this.isDecided = isDecided;
    }
  }

  async function post(what, body) {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), 20_000);
    let response;
    let answer;
    try {
      response = await fetch(`${location.pathname.replace(/\/$/, "")}/${what}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: controller.signal,
      });
      answer = await response.json();
    } catch {
      // None, or half of one; of one that refuses the status is enough.
      if (!response || response.ok) throw new Refused({ said: words.offline });
      answer = {};
    } finally {
      clearTimeout(timer);
    }
    // With these it, or a proxy before it, may not know what came of it.
    if (!response.ok) throw new Refused(answer, ![502, 503, 504].includes(response.status));
    return answer;
  }

  function tell(type, more) {
    if (isEmbedded) window.parent.postMessage({ type: `otpost:${type}`, ...more }, page.embed);
  }

  // ---- the proof of work: begun as soon as the page is open, and again when it was used

  function solve({ challenge, bits }) {
    return new Promise((resolve, reject) => {
      const worker = new Worker(new URL(page.work, location.href));
      worker.onmessage = ({ data }) => { worker.terminate(); resolve({ challenge, nonce: data }); };
      worker.onerror = () => { worker.terminate(); reject(new Refused({})); };
      worker.postMessage({ challenge, bits });
    });
  }

  function beginWork() {
    work = post("challenge", {}).then(solve);
    // Whoever waits for it hears of it, and can begin anew.
    work.catch(() => { work = null; });
  }

  async function create(asked) {
    for (let last = false; ; last = true) {
      if (!work) beginWork();
      const done = await work;
      try {
        const answer = await post("create", { ...asked, ...done });
        work = null;
        return answer;
      } catch (error) {
        // A request that got no answer is repeated as it was: it is done once.
        if (error.isDecided) work = null;
        // It may have grown too old while somebody looked for the phone.
        const again = ["work_not_valid", "work_used"].includes(error.code);
        if (last || !again) throw error;
      }
    }
  }

  // ---- showing one step at a time

  function show(step, focus) {
    for (const section of sections) section.hidden = section.id !== step;
    const way = find("leave").parentElement;
    way.hidden = step === "done" || way.dataset.leads === "false";
    if (listening) { listening.abort(); listening = null; }
    const target = focus ?? find(step).querySelector("h1");
    target.focus();
  }

  function trouble(section, text, field) {
    const place = find(`${section}-trouble`);
    // Said again when it is the same again.
    place.textContent = "";
    if (text) requestAnimationFrame(() => { place.textContent = text; });
    if (field) {
      if (text) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
      if (text) field.focus();
    }
  }

  function over(text) {
    verification = null;
    keep();
    show("over");
    trouble("over", text);
  }

  // After which the link is of no use, or the verification, of which another one can then be made.
  const ENDS = ["page_not_found", "page_expired", "page_used", "already_verified"];
  const OVER = [
    "verification_expired", "verification_locked", "verification_canceled", "verification_failed",
    "verification_not_found",
  ];

  function note(error) {
    if (!OVER.includes(error.code) || !verification) return;
    verification.isOver = true;
    verification.resendAt = Date.now();
    count();
  }

  // One request at a time; the button says so, and keeps the focus.
  let isBusy = false;
  async function busy(button, act, failed) {
    if (isBusy || button?.getAttribute("aria-disabled") === "true") return;
    isBusy = true;
    button?.setAttribute("aria-busy", "true");
    const slow = setTimeout(() => { status.textContent = button ? words.wait : ""; }, 400);
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      status.textContent = "";
      if (ENDS.includes(error.code)) over(error.message);
      else failed(error);
    } finally {
      clearTimeout(slow);
      if (status.textContent === words.wait) status.textContent = "";
      button?.removeAttribute("aria-busy");
      isBusy = false;
    }
  }

  // ---- the first step

  const reachesOf = (name) => (page.ways.find((way) => way.name === name)?.phone ? "phone" : "email");

  function chosenWay() {
    return document.querySelector("input[name=way]:checked")?.value ?? page.ways[0].name;
  }

  function showFields() {
    for (const field of document.querySelectorAll(".field[data-reaches]")) {
      field.hidden = field.dataset.reaches !== reachesOf(chosenWay());
    }
  }

  // The browser knows what countries are called; where it does not, their letters stand there.
  function nameCountries(select) {
    const language = document.documentElement.lang;
    let names;
    try { names = new Intl.DisplayNames([language], { type: "region" }); } catch { return; }
    const chosen = select.value;
    const isChosen = select.querySelector("option[selected]") !== null;
    for (const option of select.options) {
      option.textContent = `${names.of(option.value)} \u2066+${option.dataset.code}\u2069`;
    }
    const sorted = [...select.options].sort((a, b) => a.textContent.localeCompare(b.textContent, language));
    select.replaceChildren(...sorted);
    const regions = navigator.languages.map((tag) => { try { return new Intl.Locale(tag).region; } catch { return null; } });
    const likely = isChosen ? chosen : regions.find((region) => sorted.some((one) => one.value === region));
    select.value = likely ?? chosen;
  }

  function prepareAsk(section) {
    const form = section.querySelector("form");
    const [number, address, country] = ["number", "address", "country"].map(find);
    for (const way of section.querySelectorAll("input[name=way]")) way.addEventListener("change", showFields);
    if (country) nameCountries(country);
    showFields();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const channel = chosenWay();
      const field = reachesOf(channel) === "phone" ? number : address;
      const asked = { channel, to: field.value.trim() };
      if (field === number) asked.country = country.value;
      trouble("ask", "", field);
      busy(form.querySelector("button"), async () => begun(asked, await create(asked)), (error) => {
        trouble("ask", error.message, field);
      });
    });
  }

  // ---- the second step

  function begun(asked, answer) {
    const now = Date.now();
    verification = {
      asked,
      handle: answer.handle,
      channel: answer.channel,
      said: answer.said,
      expiresAt: now + answer.expires_in_secs * 1_000,
      resendAt: now + answer.resend_in_secs * 1_000,
    };
    keep();
    enter();
  }

  function enter() {
    const code = find("code");
    code.value = "";
    find("sent").textContent = verification.said;
    status.textContent = "";
    trouble("enter", "", code);
    const others = find("others");
    if (others) {
      const { channel } = verification;
      const ways = [...others.querySelectorAll("button")];
      for (const way of ways) {
        way.hidden = way.dataset.way === channel || way.dataset.reaches !== reachesOf(channel);
      }
      others.hidden = ways.every((way) => way.hidden);
    }
    show("enter", code);
    count();
    listen(code);
  }

  let ticks = null;
  function count() {
    const place = find("countdown");
    const buttons = [find("again"), ...document.querySelectorAll("#others button")];
    clearInterval(ticks);
    const tick = () => {
      const secs = Math.ceil((verification ? verification.resendAt - Date.now() : 0) / 1_000);
      place.hidden = secs <= 0;
      if (secs > 0) {
        const time = `${Math.floor(secs / 60)}:${String(secs % 60).padStart(2, "0")}`;
        place.textContent = words.againIn.replace("{time}", time);
      } else {
        clearInterval(ticks);
      }
      for (const button of buttons) {
        if (secs > 0) button.setAttribute("aria-disabled", "true");
        else button.removeAttribute("aria-disabled");
      }
    };
    tick();
    ticks = setInterval(tick, 1_000);
  }

  // Browsers that read the SMS themselves, if the person lets them.
  function listen(code) {
    if (!("OTPCredential" in window)) return;
    listening = new AbortController();
    navigator.credentials.get({ otp: { transport: ["sms"] }, signal: listening.signal }).then((found) => {
      if (!found?.code) return;
      code.value = found.code;
      code.form.requestSubmit();
    }).catch(() => {});
  }

  function confirm() {
    const form = find("enter").querySelector("form");
    const code = find("code");
    // Of a whole message that is pasted, the code.
    code.addEventListener("paste", (event) => {
      const text = event.clipboardData?.getData("text") ?? "";
      const runs = text.match(/\p{Nd}(?:[\s-]?\p{Nd})*/gu) ?? [];
      const found = runs.map((run) => run.replace(/[\s-]/g, "")).find((run) => [...run].length === page.digits);
      if (found && found !== text) {
        event.preventDefault();
        code.value = found;
      }
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      trouble("enter", "", code);
      busy(form.querySelector("button"), async () => {
        verified(await post("check", { handle: verification.handle, code: code.value }));
      }, (error) => {
        note(error);
        code.select();
        trouble("enter", error.message, code);
      });
    });
  }

  function again(button, channel) {
    trouble("enter", "", find("code"));
    busy(button, async () => {
      if (verification.isOver) {
        const asked = page.fixed ? { channel } : { ...verification.asked, channel };
        begun(asked, await create(asked));
        return;
      }
      const answer = await post("resend", { handle: verification.handle, channel });
      verification.channel = answer.channel;
      verification.said = answer.said;
      verification.resendAt = Date.now() + answer.resend_in_secs * 1_000;
      keep();
      enter();
      status.textContent = answer.said;
    }, (error) => {
      note(error);
      trouble("enter", error.message, null);
    });
  }

  // ---- the end

  function verified({ receipt, state, return_to: returnTo }) {
    verification = null;
    keep();
    clearInterval(ticks);
    show("done");
    if (isEmbedded) {
      tell("verified", { receipt, state });
    } else if (returnTo) {
      const go = find("continue");
      go.href = returnTo;
      go.hidden = false;
      // Whoever goes back from there is not to come here again.
      location.replace(returnTo);
    }
  }

  function start() {
    const ask = find("ask");
    if (ask) prepareAsk(ask);
    confirm();
    find("again").addEventListener("click", (event) => again(event.currentTarget, verification.channel));
    for (const button of document.querySelectorAll("#others button")) {
      button.addEventListener("click", () => again(button, button.dataset.way));
    }
    find("back")?.addEventListener("click", () => {
      verification = null;
      keep();
      clearInterval(ticks);
      if (!work) beginWork();
      show("ask", find(reachesOf(chosenWay()) === "phone" ? "number" : "address"));
    });
    const leave = find("leave");
    leave.parentElement.dataset.leads = leave.tagName === "A" || isEmbedded;
    leave.addEventListener("click", (event) => {
      if (!isEmbedded) return;
      event.preventDefault();
      tell("left");
    });
    if (isEmbedded) {
      document.documentElement.classList.add("framed");
      new ResizeObserver(() => tell("size", { height: document.documentElement.offsetHeight }))
        .observe(document.documentElement);
      addEventListener("keydown", (event) => { if (event.key === "Escape") tell("left"); });
    }
    verification = kept();
    if (verification) {
      enter();
      return;
    }
    leave.parentElement.hidden = leave.parentElement.dataset.leads === "false";
    beginWork();
    if (page.fixed) busy(null, async () => begun({}, await create({})), (error) => over(error.message));
  }

  start();
})();
