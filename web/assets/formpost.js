// Sends the form of a page that exists to be sent on.
(function () {
  "use strict";

  const form = document.querySelector("form[data-send]");
  if (form) form.submit();
})();
