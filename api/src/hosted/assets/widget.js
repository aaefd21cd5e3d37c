"use strict";
// Shows the hosted page within a page of yours:
//   const { receipt, state } = await Otpost.open(url) ?? {};
// `url` comes from POST /v1/pages, with your origin as `embed_origin`. The answer is null when the person
// gave up. What it says is said by a browser: your server makes sure by consuming the receipt.
window.Otpost = (() => {
  function frameOf(url, title) {
    const frame = document.createElement("iframe");
    frame.src = url;
    frame.title = title;
    frame.referrerPolicy = "no-referrer";
    Object.assign(frame.style, { border: "0", width: "100%", height: "32rem", display: "block", colorScheme: "light dark" });
    return frame;
  }

  // Calls `heard` with what the page in this frame says, and with nothing that anybody else says.
  function hear(frame, url, heard) {
    const { origin } = new URL(url, location.href);
    const listener = (event) => {
      if (event.origin !== origin || event.source !== frame.contentWindow) return;
      const { type, ...more } = event.data ?? {};
      if (type === "otpost:size") frame.style.height = `${Math.ceil(more.height)}px`;
      if (type === "otpost:verified") heard({ receipt: more.receipt, state: more.state });
      if (type === "otpost:left") heard(null);
    };
    addEventListener("message", listener);
    return () => removeEventListener("message", listener);
  }

  // In an element of yours.
  function mount(url, element, { title = "Verification" } = {}) {
    return new Promise((resolve) => {
      const frame = frameOf(url, title);
      const stop = hear(frame, url, (answer) => {
        stop();
        frame.remove();
        resolve(answer);
      });
      element.append(frame);
    });
  }

  // In a dialog of its own, which keeps the focus and gives it back.
  function open(url, { title = "Verification", close = "Close" } = {}) {
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-label", title);
    Object.assign(dialog.style, { padding: "0", border: "0", borderRadius: "0.75rem", width: "min(28rem, 100vw - 1rem)", maxHeight: "calc(100vh - 1rem)", colorScheme: "light dark" });
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "\u00d7";
    button.setAttribute("aria-label", close);
    Object.assign(button.style, { position: "absolute", insetBlockStart: "0.25rem", insetInlineEnd: "0.25rem", width: "2.75rem", height: "2.75rem", font: "1.5rem/1 system-ui, sans-serif", border: "0", background: "transparent", color: "CanvasText", cursor: "pointer" });
    button.addEventListener("click", () => dialog.close());
    dialog.append(button);
    document.body.append(dialog);
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => { dialog.remove(); resolve(null); });
      mount(url, dialog, { title }).then((answer) => { resolve(answer); dialog.close(); });
    });
  }

  return Object.freeze({ open, mount });
})();
