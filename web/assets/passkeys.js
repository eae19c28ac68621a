// Passkeys: <form data-passkey="get|create" data-options="JSON"> asks the browser
// for a credential, puts its JSON form into the field "response" and sends
// itself. It begins by itself, and its button tries again.
(function () {
  "use strict";

  function bytes(text) {
    const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(binary, function (c) { return c.charCodeAt(0); });
  }

  function text(buffer) {
    let binary = "";
    for (const b of new Uint8Array(buffer)) binary += String.fromCharCode(b);
    return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  // The forms of WebAuthn §5.1.8 and §5.1.9, read and written by hand: not every
  // browser has the functions for it.
  function read(options) {
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    for (const list of [options.excludeCredentials, options.allowCredentials]) {
      for (const one of list || []) one.id = bytes(one.id);
    }
    return options;
  }

  function write(credential) {
    const from = credential.response;
    const response = { clientDataJSON: text(from.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (from[name]) response[name] = text(from[name]);
    }
    return JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      clientExtensionResults: credential.getClientExtensionResults(),
      response: response,
    });
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const button = form.querySelector("button");
    const said = form.querySelector("[role=status]");

    async function ask() {
      button.disabled = true;
      said.textContent = "Your browser asks for the passkey.";
      try {
        if (!window.PublicKeyCredential) throw new Error("no passkeys");
        const publicKey = read(JSON.parse(form.dataset.options));
        const credential = await navigator.credentials[form.dataset.passkey]({ publicKey: publicKey });
        form.elements.response.value = write(credential);
        form.submit();
      } catch (error) {
        button.disabled = false;
        if (!window.PublicKeyCredential) {
          said.textContent = "This browser knows no passkeys.";
        } else if (error.name === "InvalidStateError") {
          said.textContent = "This device has a passkey of your account already.";
        } else {
          said.textContent = "It did not work, or you have stopped it. You can try again.";
        }
      }
    }

    form.addEventListener("submit", function (event) {
      event.preventDefault();
      ask();
    });
    button.hidden = false;
    ask();
  }
})();
