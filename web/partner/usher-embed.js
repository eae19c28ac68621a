// usher-embed.js: shows something of Usher's in a frame on your page.
//
//   UsherEmbed.mount("#vote", {
//     usher: "https://sso.example.com", kind: "vote-widget", id: "57cc26", appId: "<your app id>",
//     token: async () => (await fetch("/usher-token")).text(),
//   });
//
// It makes the iframe, keeps it as high as its content, asks your token
// function for a token whenever Usher needs one, and tells you what happens by
// callbacks and by events on the iframe. usher-embed.d.ts has the types. It
// listens to Usher's origin and to its own frame only, and posts to no other.
(function () {
  "use strict";

  const tokenTime = 20000; // milliseconds that your function may take
  const answerTime = 20000; // milliseconds in which the frame has to say something
  const leastHeight = 32; // CSS pixels
  const mostHeight = 10000;

  // The types of message that a frame sends.
  const types = ["ready", "resize", "signed-in", "expiring", "error", "event"];

  // within gives up on a promise after a time.
  function within(time, promise) {
    let timer;
    const late = new Promise(function (_, reject) {
      timer = setTimeout(function () { reject(new Error("no token in time")); }, time);
    });
    return Promise.race([promise, late]).finally(function () { clearTimeout(timer); });
  }

  function noToken(error) {
    return "The page's token function failed: " + (error && error.message || error);
  }

  function mount(target, options) {
    const place = typeof target === "string" ? document.querySelector(target) : target;
    if (!(place instanceof Element)) throw new TypeError("UsherEmbed.mount: no such element: " + target);
    for (const name of ["usher", "kind", "id", "appId"]) {
      if (typeof options[name] !== "string" || !options[name]) throw new TypeError("UsherEmbed.mount: " + name + " is missing");
    }
    if (typeof options.token !== "function") throw new TypeError("UsherEmbed.mount: token is to be a function");
    const origin = new URL(options.usher).origin;

    const status = document.createElement("p");
    status.setAttribute("role", "status");
    const frame = document.createElement("iframe");
    frame.title = options.title || "Embedded content";
    frame.referrerPolicy = "strict-origin"; // by this the frame knows whom to talk to
    frame.style.cssText = "display: block; width: 100%; border: 0; height: 150px";

    let alive = true;
    let awake = false; // the frame has said something
    let greeted = false; // a hello waits for its usher:ready
    let spoken = false; // usher:ready came without one, since the last load
    let waiting; // for the frame's first word: a timer
    let asking; // your token function's answer, while it is under way

    function show(state, text) {
      frame.dataset.state = state; // loading, ready or error: for your style sheet
      frame.setAttribute("aria-busy", String(state === "loading"));
      status.textContent = text || "";
      status.hidden = !text;
    }

    function post(message) {
      if (alive && frame.contentWindow) frame.contentWindow.postMessage(message, origin);
    }

    // tell hands a message on: as an event on the iframe, then to the callback.
    function tell(message) {
      const name = message.type.slice("usher:".length);
      frame.dispatchEvent(new CustomEvent(message.type, { detail: message }));
      if (name === "event" && typeof message.name === "string" && /^[a-z][A-Za-z0-9]{0,63}$/.test(message.name) && !("on" + message.name.toLowerCase() in frame)) {
        // Never under the name of an event that an iframe has by itself.
        frame.dispatchEvent(new CustomEvent(message.name, { detail: message.data }));
      }
      const callback = options["on" + name.replace("-", "")];
      if (typeof callback === "function") callback(message);
    }

    function complain(reason, text) {
      tell({ type: "usher:error", reason: reason, message: text, reference: "" });
    }

    function fail(reason, text) {
      show("error", options.failed || "This part of the page could not be loaded. Load the page again.");
      complain(reason, text);
    }

    // ask calls your function: once at a time, however often it is wanted.
    function ask() {
      if (!asking) {
        asking = within(tokenTime, Promise.resolve().then(options.token)).then(function (token) {
          if (typeof token !== "string" || !token) throw new Error("the function gave no token");
          return token;
        }).finally(function () { asking = undefined; });
      }
      return asking;
    }

    // load puts the frame up, with a fresh token.
    async function load() {
      show("loading", options.loading || "Loading…");
      let token;
      try {
        token = await ask();
      } catch (error) {
        if (alive) fail("token_unavailable", noToken(error));
        return;
      }
      if (!alive) return;
      const path = "/embed/" + encodeURIComponent(options.kind) + "/" + encodeURIComponent(options.id);
      awake = greeted = spoken = false;
      // In place of the old frame: that leaves no entry in the page's history.
      frame.remove();
      frame.src = origin + path + "?" + new URLSearchParams({ appId: options.appId, user: token });
      place.append(frame);
      clearTimeout(waiting);
      waiting = setTimeout(function () {
        fail("no_answer", "The frame says nothing. Is this page's origin, " + location.origin + ", among the integration's embed origins?");
      }, answerTime);
    }

    // renew sends the frame a fresh token, or says that there is none.
    async function renew() {
      try {
        post({ type: "usher:token", token: await ask() });
      } catch (error) {
        post({ type: "usher:no-token" });
        if (alive) complain("token_unavailable", noToken(error));
      }
    }

    // loaded tells a document that has not found out by itself who frames it.
    function loaded() {
      greeted = !spoken;
      spoken = false;
      if (greeted) post({ type: "usher:hello" });
    }

    function size(height) {
      if (!Number.isFinite(height)) return;
      frame.style.height = Math.min(Math.max(Math.ceil(height), options.minHeight || leastHeight), options.maxHeight || mostHeight) + "px";
    }

    function receive(event) {
      if (event.origin !== origin || !frame.contentWindow || event.source !== frame.contentWindow) return;
      const message = event.data;
      if (!message || typeof message !== "object" || !types.some(function (name) { return message.type === "usher:" + name; })) return;
      clearTimeout(waiting);
      awake = true;
      if (message.type === "usher:ready") {
        spoken = !greeted;
        greeted = false;
      }
      show(message.type === "usher:error" ? "error" : "ready");
      if (message.type === "usher:ready" || message.type === "usher:resize") size(message.height);
      if (message.type === "usher:expiring") renew();
      tell(message);
    }

    show("loading", options.loading || "Loading…");
    window.addEventListener("message", receive);
    frame.addEventListener("load", loaded);
    place.append(status);
    load();

    return {
      iframe: frame,
      // on listens to "usher:ready" and the like, or to the content's own
      // events by their names. What it returns ends that.
      on: function (name, listener) {
        function listen(event) { listener(event.detail); }
        frame.addEventListener(name, listen);
        return function () { frame.removeEventListener(name, listen); };
      },
      // refresh fetches a token now: after a change of your user, or another
      // try after an error.
      refresh: function () {
        return awake && frame.isConnected ? renew() : load();
      },
      destroy: function () {
        alive = false;
        clearTimeout(waiting);
        window.removeEventListener("message", receive);
        frame.removeEventListener("load", loaded);
        frame.remove();
        status.remove();
      },
    };
  }

  window.UsherEmbed = Object.freeze({ mount: mount });
})();
