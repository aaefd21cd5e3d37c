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

// What a channel reaches.
const KINDS = {
  phone: { label: "Phone number", placeholder: "+1 202 555 0143", autocomplete: "tel" },
  email: { label: "E-mail address", placeholder: "ann@example.org", autocomplete: "email" },
};

function chosen(select) {
  return select.selectedOptions[0];
}

// With one way only there is nothing to choose.
function hideIfOne(select) {
  select.closest("label").hidden = select.options.length < 2;
}

function nameKind() {
  const { label, placeholder, autocomplete } = KINDS[chosen(send.channel).dataset.reaches];
  document.getElementById("kind").textContent = label;
  send.to.placeholder = placeholder;
  send.to.autocomplete = autocomplete;
}

// The ways to the same address, the one that was taken first.
function offerOtherWays(channel) {
  const { reaches } = chosen(send.channel).dataset;
  const ways = [...send.channel.options].filter((way) => way.dataset.reaches === reaches);
  check.channel.replaceChildren(...ways.map((way) => way.cloneNode(true)));
  check.channel.value = channel;
  hideIfOne(check.channel);
}

send.channel.addEventListener("change", nameKind);

send.addEventListener("submit", (event) => {
  event.preventDefault();
  run(send, async () => {
    const channel = send.channel.value;
    session = await post("/try/verifications", { to: send.to.value, channel });
    offerOtherWays(channel);
    check.hidden = false;
    check.code.value = "";
    check.code.focus();
    say(`A code is on its way to ${session.to}, by ${chosen(send.channel).text}. Look in the inbox.`, "");
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
      channel: check.channel.value,
    });
    say(`Sent again to ${answer.to}, by ${chosen(check.channel).text}.`, "");
  });
});

hideIfOne(send.channel);
nameKind();
