// The demo's page with API calls: sends each with its token, from another
// origin than Usher's, and shows the answer.
(function () {
  "use strict";

  for (const card of document.querySelectorAll("[data-call]")) {
    const status = card.querySelector("[role=status]");
    const answer = card.querySelector("pre[hidden]");

    async function send() {
      status.textContent = "Under way.";
      answer.hidden = true;
      try {
        const response = await fetch(card.dataset.url, {
          headers: { "Authorization": "JWT " + card.dataset.token, "Cocorico-App-Id": card.dataset.app },
        });
        answer.textContent = JSON.stringify(await response.json(), null, 2);
        answer.hidden = false;
        // Last, so that who is told of the answer finds it there.
        status.textContent = "Status " + response.status;
      } catch (error) {
        status.textContent = "The browser got no answer that it lets this page read: " + error.message;
      }
    }

    card.querySelector("button").addEventListener("click", send);
    send();
  }
})();
