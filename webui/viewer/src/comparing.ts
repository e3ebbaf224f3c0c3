// Commands to compare: layouts, linking, earlier studies, hanging.
import { _ } from "../../static/js/words.js";
import { priorOf, type Hanging } from "./hanging";
import type { Layout, LightTable } from "./table";
import type { Command } from "./tool";

const LAYOUTS: Command[] = [
  layout("one-up", "One", "Show one picture.", "1", { columns: 1, rows: 1 }, "M5 5h14v14H5z"),
  layout("two-up", "Two", "Show two pictures side by side.", "2", { columns: 2, rows: 1 }, "M4 5h16v14H4zM12 5v14"),
  layout("three-up", "Three", "Show three pictures side by side.", "3", { columns: 3, rows: 1 }, "M3 6h18v12H3zM9 6v12M15 6v12"),
  layout("four-up", "Four", "Show four pictures, two above two.", "4", { columns: 2, rows: 2 }, "M4 5h16v14H4zM12 5v14M4 12h16"),
];

const LINK: Command = {
  id: "link",
  label: "Link",
  hint: "What is done in one picture, zoom, place, window and page turning, is done in all.",
  key: "k",
  icon: "M9 15l6-6M10 7l2-2a4 4 0 0 1 6 6l-2 2M14 17l-2 2a4 4 0 0 1-6-6l2-2",
  run: (_, table) => (table.linked = !table.linked),
  isOn: (_, table) => table.linked,
};

const PRIOR: Command = {
  id: "prior",
  label: "Earlier",
  hint: "Beside this picture, the same view of an earlier study of the patient, linked.",
  key: "5",
  icon: "M12 5a7 7 0 1 1-6.5 4.5M5 5v5h5M12 8v4l3 2",
  run: (viewport, table) => {
    const { picture } = viewport;
    const prior = picture && priorOf(picture, table.firsts);
    if (!picture || !prior) return table.say(_("There is no earlier study of this patient here."));
    table.setLayout({ columns: 2, rows: 1 });
    const [left, right] = table.visible;
    if (left?.picture !== picture) void left?.show(picture);
    void right?.show(prior);
    table.linked = true;
  },
};

const FULL_SCREEN: Command = {
  id: "full-screen",
  label: "Full screen",
  hint: "The light table alone on the whole screen, or back.",
  key: "6",
  icon: "M4 9V4h5M20 9V4h-5M20 15v5h-5M4 15v5h5M9 9h6v6H9z",
  run: (_, table) => void (document.fullscreenElement ? document.exitFullscreen() : table.element.requestFullscreen()),
};

/** Register them all. */
export function installComparing(table: LightTable, hanging: Hanging): void {
  for (const command of [...LAYOUTS, LINK, PRIOR, FULL_SCREEN]) table.addCommand(command, { group: "compare" });
  const menu = { group: "compare", menu: "Hang" } as const;
  table.addCommand({ id: "hang", label: "Hang anew", hint: "Hang the pictures by view, as you left them last time or as is common.", key: "7", run: () => void hanging.hang() }, menu);
  table.addCommand({ id: "remember", label: "Remember for this kind of exam", hint: "From now on pictures of such exams hang for you as they hang now.", run: () => void hanging.remember() }, menu);
  table.addCommand({ id: "forget", label: "Forget my arrangement", hint: "Hang such exams as is common again.", run: () => void hanging.forget() }, menu);
}

function layout(id: string, label: string, hint: string, key: string, arrangement: Layout, icon: string): Command {
  return {
    id,
    label,
    hint,
    key,
    icon,
    run: (_, table) => showBeside(table, arrangement),
    isOn: (_, { layout: { columns, rows } }) => columns === arrangement.columns && rows === arrangement.rows,
  };
}

/** Change the layout; new places take the pictures that follow those on the table. */
function showBeside(table: LightTable, arrangement: Layout): void {
  const kept = table.active.picture;
  table.setLayout(arrangement);
  const { visible } = table;
  if (kept && !visible.some((viewport) => viewport.picture === kept)) void visible[0]?.show(kept);
  const shown = new Set(visible.map((viewport) => viewport.picture?.stack));
  const left = table.firsts.filter((picture) => !picture.prior && !picture.refusal && !shown.has(picture.stack));
  for (const viewport of visible) {
    if (viewport.picture) continue;
    const next = left.shift();
    if (next) void viewport.show(next);
  }
}
