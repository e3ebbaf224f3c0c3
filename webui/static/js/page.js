// What every page does: follow changes of the box, show times as people do, keep drafts.
import { follow } from "./follow.js";
import { showTimes } from "./times.js";
import { keepSaved } from "./saving.js";
import { tellNews } from "./news.js";
import { offerBreeds } from "./breeds.js";

showTimes(document);
keepSaved(document);
offerBreeds(document);
const zone = document.querySelector("[data-own-zone]");
if (zone && !zone.value) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
follow(document, showTimes);
tellNews(document);
document.addEventListener("click", (event) => event.target.closest("[data-print]") && window.print());
