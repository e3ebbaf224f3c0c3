// Times in the browser's own time zone and words: "10:42 today", "yesterday 16:05", "tomorrow 09:00", "3 Nov 2026 09:10".
import { _ } from "./words.js";

// As the page speaks; as the browser writes that language, where it is one of the browser’s own.
const page = document.documentElement.lang;
const locale = navigator.languages.find((tag) => tag.split("-")[0] === page) ?? page;
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });

export function showTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.getAttribute("datetime"));
    if (!Number.isNaN(moment.getTime())) element.textContent = words(moment);
  }
}

function words(moment) {
  const time = clock.format(moment);
  if (isOnDay(moment, 0)) return _("{time} today", { time });
  if (isOnDay(moment, -1)) return _("yesterday {time}", { time });
  if (isOnDay(moment, 1)) return _("tomorrow {time}", { time });
  return `${day.format(moment)} ${time}`;
}

function isOnDay(moment, daysFromToday) {
  const wanted = new Date();
  wanted.setDate(wanted.getDate() + daysFromToday);
  return moment.toDateString() === wanted.toDateString();
}
