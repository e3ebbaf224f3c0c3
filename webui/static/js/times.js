// Times in the browser's own time zone and words: "10:42 today", "yesterday 16:05", "3 Nov 2026 09:10".
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

export function showTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.getAttribute("datetime"));
    if (!Number.isNaN(moment.getTime())) element.textContent = words(moment);
  }
}

function words(moment) {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  if (moment >= midnight) return `${clock.format(moment)} today`;
  if (moment >= new Date(midnight.getTime() - 86_400_000)) return `yesterday ${clock.format(moment)}`;
  return `${day.format(moment)} ${clock.format(moment)}`;
}
