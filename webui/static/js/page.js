// What every page does: follow changes of the box, show times as people do, keep drafts.
import { follow } from "./follow.js";
import { showTimes } from "./times.js";
import { keepDrafts } from "./drafts.js";

showTimes(document);
keepDrafts(document);
follow(document, showTimes);
document.addEventListener("click", (event) => event.target.closest("[data-print]") && window.print());
