// Copy buttons: <button data-copy="id" hidden> copies the text of the element
// with that id. Without script they stay hidden, and the text can be selected.
(function () {
  "use strict";

  // What has happened is said here for those who do not see the button change.
  const said = document.createElement("p");
  said.className = "unseen";
  said.setAttribute("role", "status");
  document.body.append(said);

  function select(element) {
    if (element.select) {
      element.select();
      return;
    }
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  function show(button, label, text) {
    button.dataset.label ??= button.textContent;
    button.textContent = label;
    said.textContent = text;
    clearTimeout(button.timer);
    button.timer = setTimeout(function () {
      button.textContent = button.dataset.label;
      said.textContent = "";
    }, 3000);
  }

  for (const button of document.querySelectorAll("button[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    if (!source) continue;
    button.hidden = false;
    button.addEventListener("click", async function () {
      try {
        await navigator.clipboard.writeText("value" in source ? source.value : source.textContent);
        show(button, "Copied", "Copied.");
      } catch {
        // No clipboard, or no leave to use it: the person's own keys do.
        select(source);
        show(button, "Selected", "Selected. Copy it with your keyboard.");
      }
    });
  }
})();

// Dialogs that ask before a form is sent: <form data-confirm="id"> opens the
// <dialog> with that id, which is in the form and has the button that sends it.
// An element with data-shows="id" in it says what the field with that id has.
// Without script the form goes to a page that asks the same.
(function () {
  "use strict";

  for (const form of document.querySelectorAll("form[data-confirm]")) {
    const dialog = document.getElementById(form.dataset.confirm);
    if (!dialog || !dialog.showModal) continue;
    form.addEventListener("submit", function (event) {
      if (dialog.open && dialog.contains(event.submitter)) return;
      event.preventDefault();
      for (const shown of dialog.querySelectorAll("[data-shows]")) {
        shown.textContent = document.getElementById(shown.dataset.shows)?.value || "–";
      }
      dialog.showModal();
    });
    dialog.querySelector("[data-close]")?.addEventListener("click", function () {
      dialog.close();
    });
  }
})();
