"use strict";
const send = document.getElementById("send");
const check = document.getElementById("check");
const again = document.getElementById("again");
const said = document.getElementById("said");
let session = null;

function say(text, kind) {
  said.textContent = text;
  said.className = kind;
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) {
    const wait = response.headers.get("retry-after");
    throw new Error([
      answer.title,
      answer.detail,
      answer.guesses_left === undefined ? null : `${answer.guesses_left} guesses left.`,
      wait ? `Try again in ${wait} s.` : null,
    ].filter(Boolean).join(" "));
  }
  return answer;
}

async function run(form, work) {
  const buttons = form.querySelectorAll("button");
  buttons.forEach((button) => { button.disabled = true; });
  try {
    await work();
  } catch (error) {
    say(error.message, "bad");
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}

async function offer() {
  const channels = await (await fetch("/try/channels")).json();
  if (!channels.includes("email")) return;
  const both = channels.includes("sms");
  document.getElementById("kind").textContent = both ? "Phone number or e-mail address" : "E-mail address";
  send.to.placeholder = both ? "+1 202 555 0143 or ann@example.org" : "ann@example.org";
  send.to.autocomplete = both ? "on" : "email";
}

send.addEventListener("submit", (event) => {
  event.preventDefault();
  run(send, async () => {
    const to = send.to.value;
    const channel = to.includes("@") ? "email" : "sms";
    session = await post("/try/verifications", { to, channel });
    check.hidden = false;
    check.code.value = "";
    check.code.focus();
    say(`A code is on its way to ${session.to}. Look in the inbox.`, "");
  });
});

check.addEventListener("submit", (event) => {
  event.preventDefault();
  run(check, async () => {
    const answer = await post("/try/verifications/check", {
      session_token: session.session_token,
      code: check.code.value,
    });
    say(`Verified at ${answer.verified_at}.`, "good");
    check.hidden = true;
  });
});

again.addEventListener("click", () => {
  run(check, async () => {
    const answer = await post(`/v1/verifications/${session.id}/resend`, {
      session_token: session.session_token,
    });
    say(`Sent again to ${answer.to}.`, "");
  });
});

offer().catch(() => {});
