// Commands that give the picture of a viewport away as a file.
import { _ } from "../../static/js/words.js";
import { addressOf } from "./address";
import { isTable } from "./facts";
import type { LightTable } from "./table";
import type { Command } from "./tool";
import type { Viewport } from "./viewport";

const KINDS = [["png", "PNG", _("without loss")], ["jpg", "JPEG", _("smaller, for phones and mail")]] as const;

/** For people who may hand pictures over. */
export function installSavingPictures(table: LightTable): void {
  for (const [ending, name, what] of KINDS) {
    const command: Command = {
      id: `picture-${ending}`,
      label: _("Picture as {name}", { name }),
      hint: _("Save this picture as {name} ({what}), in its window, with names, side and scale bar; upright as it was received.", { name, what }),
      icon: "M4 5h16v10H4zM4 12l5-4 4 4 3-2 4 3M12 15v5M9 18l3 3 3-3",
      run: (viewport) => save(viewport, ending),
    };
    table.addCommand(command, { group: "keep", menu: "Keep" });
  }
}

function save(viewport: Viewport, ending: string): void {
  const { picture, frame, appearance: { voi } } = viewport;
  if (!picture || picture.refusal) return;
  const names = { LINEAR: "linear", LINEAR_EXACT: "linear-exact", SIGMOID: "sigmoid" };
  const window = voi && !isTable(voi) ? `?window=${voi.center},${voi.width},${names[voi.function]}` : "";
  const link = document.createElement("a");
  link.href = addressOf(`/instances/${picture.id}/frames/${frame}/picture.${ending}${window}`);
  link.download = "";
  link.click();
}
