// The number of unread reports and questions in the title, and a sound when one more comes.
const title = document.title;
let known; // what the page was drawn with, so that the first one to come is heard too

export function tellNews(root) {
  const { news } = root.documentElement.dataset;
  if (news === undefined) return;
  known = Number(news);
  root.addEventListener("bucky:changed", look);
}

async function look() {
  const { total, critical } = await fetch("/news.json", { headers: { Accept: "application/json", "X-Bucky-Follows": "1" } })
    .then((answer) => answer.json())
    .catch(() => ({})); // the page itself says when the box does not answer
  if (total === undefined) return;
  document.title = total ? `(${total}${critical ? "!" : ""}) ${title}` : title;
  if (total > known) sound(critical ? 3 : 1);
  known = total;
}

function sound(times) {
  const context = new AudioContext();
  for (let n = 0; n < times; n += 1) {
    const tone = context.createOscillator();
    const loudness = context.createGain();
    const start = context.currentTime + 0.35 * n;
    tone.frequency.value = 660;
    loudness.gain.setValueAtTime(0.2, start);
    loudness.gain.exponentialRampToValueAtTime(0.001, start + 0.3);
    tone.connect(loudness).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.3);
  }
}
