// Commands that give the picture of a viewport away as a file, as it is seen there.
import { _ } from "../../static/js/words.js";
import { addressOf } from "./address";
import { choiceOf } from "./facts";
import type { Bench } from "./measure/bench";
import { csrfToken } from "./measure/keeping";
import { toDisplayed } from "./measure/views";
import { complaint } from "./source";
import type { Command } from "./tool";
import type { Viewport } from "./viewport";

const KINDS = [["png", "PNG", _("without loss")], ["jpg", "JPEG", _("smaller, for phones and mail")], ["pdf", "PDF", _("a page to print")]] as const;

/** For people who may hand pictures over. */
export function installSavingPictures(bench: Bench): void {
  for (const [ending, name, what] of KINDS) {
    const command: Command = {
      id: `picture-${ending}`,
      label: _("Picture as {name}", { name }),
      hint: _("Save the whole picture as {name} ({what}), as you see it: window, turn, flip, drawings and their values; with names, side and scale bar. Hide the drawings first to leave them out.", { name, what }),
      icon: "M4 5h16v10H4zM4 12l5-4 4 4 3-2 4 3M12 15v5M9 18l3 3 3-3",
      run: (viewport) => void save(viewport, bench, ending),
    };
    bench.table.addCommand(command, { group: "keep", menu: "Keep" });
  }
}

async function save(viewport: Viewport, bench: Bench, ending: string): Promise<void> {
  const { picture, frame } = viewport;
  const body = seen(viewport, bench);
  if (!picture || !body) return;
  try {
    const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrfToken() };
    const answer = await fetch(addressOf(`/instances/${picture.id}/frames/${frame}/picture.${ending}`), { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw await complaint(answer);
    give(await answer.blob(), `picture-${picture.id}-${frame}.${ending}`);
  } catch (error) {
    bench.guide.tell(error instanceof TypeError ? _("The box does not answer. Check that it is switched on.") : (error as Error).message);
  }
}

/** How a viewport shows its picture (appliance.reading.marks.Seen). */
function seen(viewport: Viewport, bench: Bench): object | undefined {
  const view = toDisplayed(viewport);
  if (!view) return undefined;
  const { voi, overlays, shutters } = viewport.appearance;
  const { window, invert, rotation, flipped } = view;
  return { window, invert, rotation, flipped, overlays, shutters, choice: Math.max(0, choiceOf(viewport.facts, voi)), graphics: bench.overlay(viewport).seen };
}

function give(file: Blob, name: string): void {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
