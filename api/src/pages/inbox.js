"use strict";
const PAGE = 20;
const list = document.getElementById("messages");
const state = document.getElementById("state");
const more = document.getElementById("more");
const filter = document.getElementById("filter");
let shown = PAGE;

function article(message) {
  const box = document.createElement("article");
  const head = document.createElement("header");
  const to = document.createElement("span");
  const at = document.createElement("time");
  const text = document.createElement("p");
  to.textContent = `${message.channel} to ${message.to}`;
  at.dateTime = message.at;
  at.textContent = new Date(message.at).toLocaleTimeString();
  text.textContent = message.text;
  head.append(to, at);
  box.append(head);
  if (message.title) {
    const title = document.createElement("h2");
    title.textContent = message.title;
    box.append(title);
  }
  box.append(text);
  return box;
}

async function refresh() {
  try {
    const to = filter.to.value.trim();
    const query = to ? `?to=${encodeURIComponent(to)}` : "";
    const messages = await (await fetch(`/inbox.json${query}`)).json();
    list.replaceChildren(...messages.slice(0, shown).map(article));
    more.hidden = messages.length <= shown;
    state.className = "empty";
    state.textContent = messages.length === 0
      ? "No messages yet. Send a code from the try-it page or the API, and it appears here."
      : `${messages.length} messages, newest first.`;
  } catch {
    state.className = "bad";
    state.textContent = "The service does not answer; this page tries again by itself.";
  }
}

more.addEventListener("click", () => { shown += PAGE; refresh(); });
filter.addEventListener("submit", (event) => { event.preventDefault(); refresh(); });
filter.addEventListener("input", refresh);
refresh();
setInterval(refresh, 1000);
