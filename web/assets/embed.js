// A resource in a partner's frame: keeps the session alive, speaks with the page
// around (the parent) and with the content inside.
//
// The session is held by a cookie and by a bearer that only this page has. Which
// of them comes through is tried out, and told as the rung:
//
//   cookie           the browser keeps our cookie in this frame
//   bearer           it does not; the bearer in this page's memory does
//   storage-access   it does since the person has allowed it
//   none             nothing works here: a tab of its own does
//
// docs/embeds.md has the messages. Nothing is posted to anybody but the parent's
// origin, and only if that is on the list of origins that may frame this page.
(function () {
  "use strict";

  const told = document.body.dataset;
  const view = {
    kind: told.kind, id: told.id, app: told.app, origins: told.origins.split(" ").filter(Boolean),
    reference: told.reference, user: told.user, bearer: told.bearer, reason: told.reason, message: told.message,
    renewable: "renewable" in told, passing: "passing" in told,
  };
  delete told.bearer;

  const base = "/embed/" + view.kind + "/" + view.id;
  const address = base + (view.app ? "?appId=" + encodeURIComponent(view.app) : "");
  const maxTries = 4; // of loading an address that may work in a moment

  // What the last load has left for this one: "again" after a fresh token,
  // "granted" after the person has allowed the cookie, or how often it was tried.
  const before = location.hash.slice(1);
  const tries = Number(/^tried-([0-9])$/.exec(before)?.[1] || 0);
  const tryAgain = view.passing && tries < maxTries;
  // The token has done its work. It goes, and so does what was left.
  if (!tryAgain) history.replaceState(null, "", address);

  const framed = window.parent !== window;
  const frame = document.getElementById("content");
  const help = document.getElementById("help");
  const again = document.getElementById("again");
  const grant = document.getElementById("grant");
  const said = document.getElementById("said");

  // --- The parent and the content ---

  let parentOrigin = "";
  let speaks = false; // whether the parent has greeted us: it knows these messages

  function learn(origin) {
    if (framed && !parentOrigin && view.origins.includes(origin)) parentOrigin = origin;
  }

  if (location.ancestorOrigins && location.ancestorOrigins.length) {
    learn(location.ancestorOrigins[0]);
  } else if (document.referrer) {
    learn(new URL(document.referrer).origin);
  }

  function tell(type, rest) {
    if (parentOrigin) window.parent.postMessage(Object.assign({ type: type }, rest), parentOrigin);
  }

  let trouble = null; // what the parent was told last about what does not work

  function greet() {
    tell("usher:ready", { kind: view.kind, id: view.id, height: height() });
    if (rung) tell("usher:signed-in", { rung: rung, expiresIn: left(), renewed: false });
    if (trouble) tell("usher:error", trouble);
  }

  const maxToken = 16 * 1024, maxData = 16 * 1024, maxHeight = 20000, maxMessage = 1000; // bytes, bytes, CSS pixels, characters

  addEventListener("message", function (event) {
    const message = event.data;
    if (!message || typeof message !== "object" || typeof message.type !== "string") return;
    if (framed && event.source === window.parent) {
      if (message.type === "usher:hello") learn(event.origin);
      if (event.origin === parentOrigin) fromParent(message);
    } else if (frame && event.source === frame.contentWindow && event.origin === "null") {
      fromContent(message);
    }
  });

  function fromParent(message) {
    switch (message.type) {
      case "usher:hello":
        speaks = true;
        greet();
        if (!view.user && phase === "resting" && mayAsk) beg();
        break;
      case "usher:token":
        if (typeof message.token === "string" && message.token && message.token.length <= maxToken) take(message.token);
        break;
      case "usher:no-token":
        if (phase === "asking") unanswered();
    }
  }

  function fromContent(message) {
    if (message.type === "resize" && Number.isFinite(message.height)) {
      frame.style.height = Math.min(Math.max(Math.ceil(message.height), 0), maxHeight) + "px";
      document.body.classList.add("sized");
    } else if (message.type === "event" && typeof message.name === "string" && /^[a-z][A-Za-z0-9]{0,63}$/.test(message.name)) {
      let data;
      try {
        data = JSON.stringify(message.data === undefined ? null : message.data);
      } catch {
        return; // not JSON
      }
      if (typeof data !== "string" || new TextEncoder().encode(data).length > maxData) return;
      tell("usher:event", { name: message.name, data: JSON.parse(data) });
    }
  }

  // Until the content has said how high it is, it fills whatever frame there is.
  function height() {
    if (frame && !document.body.classList.contains("sized")) return 480;
    return Math.ceil(document.body.getBoundingClientRect().height);
  }

  let shown = 0;
  new ResizeObserver(function () {
    const now = height();
    if (now === shown || frame && !document.body.classList.contains("sized")) return;
    shown = now;
    tell("usher:resize", { height: now });
  }).observe(document.body);

  // --- What the person is told ---

  function say(text) {
    if (said.textContent !== text) said.textContent = text;
  }

  // fail says what does not work and what can be done about it.
  function fail(reason, message, reference) {
    trouble = { reason: reason, message: message.slice(0, maxMessage), reference: reference || view.reference };
    say("");
    document.getElementById("why").textContent = message;
    offer();
    tell("usher:error", trouble);
  }

  function offer() {
    again.hidden = !(framed && parentOrigin);
    grant.hidden = !(framed && document.requestStorageAccess);
    if (!framed) {
      const tab = document.getElementById("tab");
      tab.removeAttribute("target");
      tab.textContent = "Load again";
    }
    help.hidden = false;
  }

  function well() {
    trouble = null;
    say("");
    help.hidden = true;
  }

  // --- The server ---

  function pause(seconds) {
    return new Promise(function (resolve) { setTimeout(resolve, seconds * 1000); });
  }

  // call asks the server once. status 0 = no answer.
  async function call(method, path, fields, withBearer) {
    const request = { method: method, cache: "no-store", redirect: "error", credentials: "same-origin", headers: { Accept: "application/json" } };
    if (withBearer) request.headers.Authorization = "Bearer " + view.bearer;
    if (fields) request.body = new URLSearchParams(fields);
    try {
      const response = await fetch(base + path, request);
      const text = await response.text();
      return { status: response.status, body: text ? JSON.parse(text) : {}, reference: response.headers.get("X-Request-Id") || "" };
    } catch {
      return { status: 0, body: {}, reference: "" };
    }
  }

  function passes(answer) { // it may work in a moment
    return answer.status === 0 || answer.status === 429 || answer.status >= 500;
  }

  const waits = [1, 2, 4, 8, 16]; // seconds between tries

  // persist is call, again and again while the server cannot answer.
  async function persist(method, path, fields, withBearer) {
    for (const wait of waits) {
      const answer = await call(method, path, fields, withBearer);
      if (!passes(answer)) return answer;
      say("The connection is not working. Trying again …");
      await pause(wait * (0.75 + Math.random() / 2));
    }
    return call(method, path, fields, withBearer);
  }

  // load makes the view anew, with a token or by the cookie.
  function load(token, why) {
    phase = "leaving";
    if (token) {
      location.replace(address + (view.app ? "&" : "?") + "user=" + encodeURIComponent(token) + "#" + why);
    } else {
      history.replaceState(null, "", address + "#" + why);
      location.reload();
    }
  }

  // --- The session ---

  // resting: nobody is signed in, and nothing is under way · alive · asking the
  // parent · busy with the server · leaving for another load
  let phase = "resting";
  let rung = "";
  const loaded = performance.now();
  let endsAt = loaded, margin = 0; // by performance.now(), in milliseconds; in seconds
  let timer = 0;

  function left() {
    return Math.max(0, Math.floor((endsAt - performance.now()) / 1000));
  }

  function at(seconds, what) {
    clearTimeout(timer);
    // Longer waits than this begin in the middle: what ends them may change.
    timer = setTimeout(what, Math.min(Math.max(seconds, 0), 3600) * 1000);
  }

  function live(seconds) {
    phase = "alive";
    endsAt = performance.now() + seconds * 1000;
    const ends = document.getElementById("ends");
    if (ends) {
      const moment = new Date(Date.now() + seconds * 1000);
      ends.dateTime = moment.toISOString();
      ends.textContent = moment.toLocaleString();
    }
    at(left() - margin, turn);
  }

  // turn is when the session is about to end, as far as this page knows.
  async function turn() {
    if (phase !== "alive") return;
    if (left() > margin) {
      at(left() - margin, turn);
    } else if (await check()) {
      if (left() > margin) {
        at(left() - margin, turn);
      } else {
        ask();
      }
    }
  }

  // check asks the server how much is left: this page may have slept, and the
  // session may have been ended elsewhere. It reports whether there is one.
  async function check() {
    phase = "busy";
    const answer = await persist("GET", "/session", null, true);
    if (answer.status === 200) {
      well();
      live(answer.body.expires_in);
      return true;
    }
    if (passes(answer)) {
      unreachable(answer);
    } else {
      gone();
    }
    return false;
  }

  const answerTime = 25, greetTime = 3; // seconds that the parent has, and one that may not know what we say

  function ask() {
    if (!parentOrigin) {
      unanswered();
      return;
    }
    phase = "asking";
    tell("usher:expiring", { expiresIn: left() });
    at(speaks ? answerTime : greetTime, unanswered);
  }

  function unanswered() {
    clearTimeout(timer);
    if (phase === "leaving") return;
    if (left() > 3) {
      phase = "alive";
      at(left() / 2, ask);
    } else if (left() > 0) {
      phase = "alive";
      at(left(), gone);
    } else {
      end();
    }
  }

  // gone is when the session is known to have ended.
  function gone() {
    endsAt = 0;
    ask();
  }

  // end is when there is no session and no token. The cookie may still be good:
  // another view on the same page may have renewed it. This page counts whole
  // seconds, so that its own session may have one or two left: they are no more.
  async function end() {
    phase = "busy";
    if (view.user && before !== "again") {
      const answer = await call("GET", "/session", null, false);
      if (answer.status === 200 && answer.body.user_id === view.user && answer.body.expires_in > 2) {
        load("", "again");
        return;
      }
    }
    phase = "resting";
    if (view.user) {
      fail("no_session", "Your sign-in here has ended. " + whatNow());
    } else {
      trouble = refusal();
      tell("usher:error", trouble);
      offer();
    }
  }

  // refusal is why the server has not let anybody in.
  function refusal() {
    return { reason: view.reason, message: view.message.slice(0, maxMessage), reference: view.reference };
  }

  function whatNow() {
    if (!framed) return "Load the page again, or go back to the site you came from.";
    return parentOrigin ? "Try again, or open this in a new tab." : "Load the site's page again, or open this in a new tab.";
  }

  function unreachable(answer) {
    phase = "resting";
    fail(answer.body.reason || "store_unavailable", "We cannot be reached at the moment. Check your connection and try again.", answer.reference);
    again.hidden = false;
  }

  // take uses a fresh token: the session lives on in place, with whatever the
  // person has begun in the content.
  async function take(token) {
    if (phase === "busy" || phase === "leaving") return; // one at a time
    clearTimeout(timer);
    if (!view.user) {
      load(token, "again");
      return;
    }
    phase = "busy";
    const fields = { user: token };
    if (view.app) fields.appId = view.app;
    const answer = await persist("POST", "/session", fields, true);
    const reason = answer.body.reason;
    if (answer.status === 200) {
      well();
      margin = marginOf(answer.body.expires_in);
      live(answer.body.expires_in);
      tell("usher:signed-in", { rung: rung, expiresIn: left(), renewed: true });
      note(answer.reference);
    } else if (reason === "no_session" || reason === "person_changed" || reason === "resource_forbidden") {
      load(token, "again");
    } else if (passes(answer)) {
      unreachable(answer);
    } else {
      // This token is no good; the session that there is goes on.
      phase = "alive";
      fail(reason || "bad_request", "The token that the site around this has sent was not accepted. " + whatNow(), answer.reference);
      if (left() > 3) at(left() / 2, ask);
      else at(left(), end);
    }
  }

  // marginOf is how long before its end a session of so many seconds is renewed.
  function marginOf(seconds) {
    return Math.min(60, Math.max(2, seconds / 4));
  }

  function note(reference) {
    if (rung && reference) call("POST", "/rung", { rung: rung, reference: reference }, true);
  }

  // climb finds out what holds the session in this browser: the bearer decides
  // who it is, and the server says whether the cookie has come along.
  async function climb() {
    const answer = await persist("GET", "/session", null, true);
    if (answer.status === 200) {
      if (!answer.body.cookie) return "bearer";
      return before === "granted" ? "storage-access" : "cookie";
    }
    if (passes(answer)) unreachable(answer);
    return "";
  }

  async function begin() {
    const expires = Number(told.expires);
    margin = marginOf(expires);
    phase = "busy";
    greet();
    const byAnswer = await climb();
    endsAt = loaded + expires * 1000;
    rung = byAnswer;
    if (rung) {
      well();
      live(left());
      tell("usher:signed-in", { rung: rung, expiresIn: left(), renewed: false });
      note(view.reference);
    } else if (!trouble) {
      gone();
    }
  }

  let mayAsk = view.renewable && before !== "again"; // once for each load, or two sides would go on for ever

  // beg is for a page without a session: the parent may have a token.
  function beg() {
    if (tryAgain) {
      say("Trying again …");
      at(2 ** tries * (1 + Math.random() / 2), function () {
        history.replaceState(null, "", location.pathname + location.search + "#tried-" + (tries + 1));
        location.reload();
      });
      return;
    }
    if (mayAsk && parentOrigin) {
      mayAsk = false;
      ask();
      return;
    }
    trouble = refusal();
    if (view.renewable) offer();
    greet();
  }

  again.addEventListener("click", function () {
    help.hidden = true;
    say("Trying again …");
    if (!view.user) {
      ask();
    } else if (rung) {
      check();
    } else {
      begin();
    }
  });

  grant.addEventListener("click", async function () {
    try {
      await document.requestStorageAccess();
    } catch {
      grant.hidden = true;
      say("Your browser did not allow it. Open this page in a new tab instead.");
      return;
    }
    const answer = await call("GET", "/session", null, false);
    if (answer.status === 200 && (!view.user || answer.body.user_id === view.user)) {
      load("", "granted");
    } else {
      grant.hidden = true;
      say("You are not signed in here yet. Open this page in a new tab instead.");
    }
  });

  function awake() {
    if (document.visibilityState === "visible" && phase === "alive") turnNow();
  }

  function turnNow() {
    clearTimeout(timer);
    check();
  }

  document.addEventListener("visibilitychange", awake);
  addEventListener("pageshow", function (event) {
    if (event.persisted) awake();
  });

  if (view.user) begin();
  else beg();
})();
