// The demo's page with a frame: mounts it by usher-embed.js, with tokens as the
// form beside it asks for, and lists what the frame says.
(function () {
  "use strict";

  const place = document.getElementById("frame");
  const form = document.getElementById("choices");
  const list = document.getElementById("events");
  let mounted;

  function note(name, detail) {
    const line = document.createElement("li");
    const what = document.createElement("strong");
    what.textContent = name;
    const text = document.createElement("code");
    text.textContent = JSON.stringify(detail);
    line.append(what, " ", text);
    list.append(line);
    list.parentElement.scrollTop = list.scrollHeight;
  }

  // The partner's own function: its server signs.
  async function token() {
    note("token", { asked: "the page's server" });
    const answer = await fetch("/embedded/token?" + new URLSearchParams(new FormData(form)));
    if (!answer.ok) throw new Error("the server answers " + answer.status);
    return answer.text();
  }

  function away() {
    if (mounted) mounted.destroy();
    mounted = undefined;
  }

  function anew() {
    away();
    list.textContent = "";
    const chosen = form.elements.resource.value.split("/");
    function say(message) {
      note(message.type, message);
    }
    mounted = UsherEmbed.mount(place, {
      usher: place.dataset.usher, kind: chosen[0], id: chosen[1], appId: place.dataset.app, token: token,
      title: "A vote at the application",
      onready: say, onresize: say, onsignedin: say, onexpiring: say, onerror: say, onevent: say,
    });
    for (const name of ["voteSuccess", "voteError", "voteComplete", "voteCanceled"]) {
      mounted.on(name, function (data) { note(name, data); });
    }
  }

  document.getElementById("anew").addEventListener("click", anew);
  document.getElementById("away").addEventListener("click", away);
  document.getElementById("send").addEventListener("click", function () {
    if (mounted) mounted.refresh();
  });
  anew();
})();
