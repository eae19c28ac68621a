// The demo's vote, framed by Usher. It runs without an origin of its own: it
// reaches the server it came from below its own address, and the page around it
// by messages.
(function () {
  "use strict";

  const status = document.querySelector("[role=status]");
  const usher = document.body.dataset.usher;

  function tell(message) {
    if (window.parent !== window) window.parent.postMessage(message, usher);
  }

  function event(name, data) {
    tell({ type: "event", name: name, data: data });
  }

  async function vote(choice) {
    try {
      const response = await fetch("votes", { method: "POST", body: new URLSearchParams({ choice: choice }) });
      const answer = await response.json();
      status.textContent = answer.says;
      event(response.ok ? "voteSuccess" : "voteError", answer);
    } catch {
      status.textContent = "The vote could not be sent. Try again.";
      event("voteError", { says: "no answer" });
    }
  }

  for (const button of document.querySelectorAll("[data-vote]")) {
    button.addEventListener("click", function () { vote(button.dataset.vote); });
  }
  for (const button of document.querySelectorAll("[data-end]")) {
    button.addEventListener("click", function () { event(button.dataset.end, {}); });
  }

  new ResizeObserver(function () {
    tell({ type: "resize", height: document.documentElement.offsetHeight });
  }).observe(document.documentElement);
})();
