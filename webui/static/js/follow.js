// Parts of a page that update by themselves: [data-follow] names the address of a fragment.
const INTERVAL_MS = 1000;
const PATIENCE_MS = 8000; // a box without power does not even refuse
const FOLLOWS = { "X-Bucky-Follows": "1" }; // tells the box that no person asks, so that an idle page locks

export function follow(root, whenReplaced) {
  const parts = [...root.querySelectorAll("[data-follow]")];
  if (parts.length === 0) return;
  const notice = root.querySelector(".offline");
  let seen = null;

  async function look() {
    try {
      const answer = await fetch(`${document.documentElement.dataset.root ?? ""}/changes.json`, { headers: { Accept: "application/json", ...FOLLOWS }, redirect: "error", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.status === 401) return void location.reload();
      const { version } = await answer.json();
      notice.hidden = true;
      if (version !== seen) {
        await Promise.all(parts.map((part) => refresh(part, whenReplaced)));
        seen = version;
        document.dispatchEvent(new CustomEvent("bucky:changed"));
      }
    } catch {
      notice.hidden = false;
    }
  }

  async function run() {
    if (document.visibilityState === "visible") await look();
    setTimeout(run, INTERVAL_MS);
  }
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
  run();
}

async function refresh(part, whenReplaced) {
  const answer = await fetch(part.dataset.follow, { headers: FOLLOWS, redirect: "error", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) throw new Error(answer.statusText);
  const fresh = document.createElement("template");
  fresh.innerHTML = await answer.text();
  whenReplaced(fresh.content);
  const same = document.createElement("template");
  same.content.append(...[...part.childNodes].map((node) => node.cloneNode(true)));
  if (withoutTokens(same) === withoutTokens(fresh)) return;
  if (needsReload(part, fresh.content)) return void location.reload();
  if (part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) return;
  const focused = part.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  part.replaceChildren(...fresh.content.childNodes);
  if (focused) [...part.querySelectorAll("a, button, summary")].find((one) => nameOf(one) === focused)?.focus();
}

// By what a control is found again in a part that was replaced, so that keys go on where they were.
function nameOf(control) {
  const form = control.form?.getAttribute("action") ?? "";
  return [control.tagName, control.getAttribute("href") ?? "", form, control.name ?? "", control.value ?? "", control.textContent.trim()].join(" ");
}

// New pictures belong on the light table, which is drawn by the server.
function needsReload(part, fresh) {
  const before = part.dataset.reloadWhen;
  const now = fresh.querySelector("[data-pictures]")?.dataset.pictures;
  return before !== undefined && now !== undefined && before !== now;
}

function withoutTokens(template) {
  return template.innerHTML.replace(/name="csrf_token" value="[^"]*"/g, "");
}
