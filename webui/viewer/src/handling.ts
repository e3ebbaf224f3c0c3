// The tools and commands that every viewer has: window, move, zoom, frames, turn, mirror.
import { choiceOf } from "./facts";
import type { LightTable } from "./table";
import type { Command, Tool } from "./tool";
import type { Viewport } from "./viewport";

const ONE_KEY_STEP = 12;
const ONE_KEY_PAN = 60;

const TOOLS: Tool[] = [
  {
    id: "window",
    label: "Brightness",
    hint: "Drag up and down for brightness, left and right for contrast.",
    key: "b",
    icon: "M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4M12 8a4 4 0 0 0 0 8z",
    drag: ({ viewport, moved }) => viewport.adjustWindow(moved.x, moved.y),
    doubleClick: ({ viewport }) => viewport.fit(),
  },
  {
    id: "pan",
    label: "Move",
    hint: "Drag the picture. With any tool: shift and drag, the middle button, or two fingers.",
    key: "m",
    icon: "M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3",
    cursor: "grab",
    drag: ({ viewport, moved }) => viewport.panBy(moved.x, moved.y),
    doubleClick: ({ viewport }) => viewport.fit(),
  },
  {
    id: "zoom",
    label: "Zoom",
    hint: "Drag up to enlarge, down to shrink. With any tool: the wheel, the right button, or two fingers.",
    key: "z",
    icon: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 21 21M10.5 8v5M8 10.5h5",
    cursor: "zoom-in",
    drag: ({ viewport, moved, startCanvas }) => viewport.zoomBy(Math.exp(-moved.y * 0.008), startCanvas),
    doubleClick: ({ viewport }) => viewport.fit(),
  },
];

const TURNING: Command[] = [
  { id: "fit", label: "Fit", hint: "Show the whole picture. A double click does the same.", key: "f", icon: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5", run: (v) => v.fit() },
  { id: "rotate", label: "Turn", hint: "Turn a quarter clockwise.", key: "t", icon: "M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5", run: (v) => v.rotateBy(90) },
  { id: "flip", label: "Flip", hint: "Mirror left and right.", key: "h", icon: "M12 3v18M9 7l-5 10h5zM15 7l5 10h-5z", run: (v) => v.mirror("horizontal") },
  { id: "invert", label: "Invert", hint: "Black becomes white.", key: "i", icon: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16", run: (v) => v.setAppearance({ invert: !v.appearance.invert }), isOn: (v) => v.appearance.invert !== (v.facts?.invert ?? false) },
  { id: "reset", label: "Reset", hint: "Brightness, place and turn as the X-ray unit gave them.", key: "r", icon: "M5 12a7 7 0 1 0 2-5L5 9M5 4v5h5", run: (v) => v.reset() },
];

const MORE: Command[] = [
  { id: "flip-vertical", label: "Flip up and down", hint: "Mirror up and down.", key: "v", run: (v) => v.mirror("vertical") },
  { id: "actual", label: "One to one", hint: "One pixel of the picture on one of the screen.", key: "x", run: (v) => v.setPlacement({ zoom: 1 / (window.devicePixelRatio || 1) }) },
  { id: "next-window", label: "Next look", hint: "The next brightness setting or curve that came with the picture.", key: "w", run: nextVoi },
  { id: "overlays", label: "Overlays", hint: "Show or hide drawings and words that the X-ray unit laid over the picture.", key: "o", run: (v) => v.setAppearance({ overlays: !v.appearance.overlays }), isOn: (v) => v.appearance.overlays },
  { id: "shutters", label: "Shutters", hint: "Cover the picture's edges as the X-ray unit did, or show all of it.", key: "s", run: (v) => v.setAppearance({ shutters: !v.appearance.shutters }), isOn: (v) => v.appearance.shutters },
  { id: "cine", label: "Play", hint: "Play the frames of a stack, or stop.", key: "c", run: (v, table) => (table.cine.isPlaying(v) ? table.cine.stop() : void table.cine.play(v)) },
];

const KEYS: Command[] = [
  { id: "larger", label: "Larger", hint: "Enlarge.", key: "+", run: (v) => v.zoomBy(1.25) },
  { id: "larger-too", label: "Larger", hint: "Enlarge.", key: "=", run: (v) => v.zoomBy(1.25) },
  { id: "smaller", label: "Smaller", hint: "Shrink.", key: "-", run: (v) => v.zoomBy(0.8) },
  { id: "left", label: "Left", hint: "Look further left.", key: "ArrowLeft", run: (v) => v.panBy(ONE_KEY_PAN, 0) },
  { id: "right", label: "Right", hint: "Look further right.", key: "ArrowRight", run: (v) => v.panBy(-ONE_KEY_PAN, 0) },
  { id: "up", label: "Up", hint: "Look further up.", key: "ArrowUp", run: (v) => v.panBy(0, ONE_KEY_PAN) },
  { id: "down", label: "Down", hint: "Look further down.", key: "ArrowDown", run: (v) => v.panBy(0, -ONE_KEY_PAN) },
  { id: "narrower", label: "More contrast", hint: "A narrower window.", key: "[", run: (v) => v.adjustWindow(-ONE_KEY_STEP, 0) },
  { id: "wider", label: "Less contrast", hint: "A wider window.", key: "]", run: (v) => v.adjustWindow(ONE_KEY_STEP, 0) },
  { id: "brighter", label: "Brighter", hint: "A lower window.", key: ";", run: (v) => v.adjustWindow(0, -ONE_KEY_STEP) },
  { id: "darker", label: "Darker", hint: "A higher window.", key: "'", run: (v) => v.adjustWindow(0, ONE_KEY_STEP) },
  { id: "next", label: "Next", hint: "The next slice or frame of a stack, or the next picture.", key: "PageDown", run: (v, table) => table.step(v, 1) },
  { id: "previous", label: "Previous", hint: "The slice or frame before, or the picture before.", key: "PageUp", run: (v, table) => table.step(v, -1) },
  { id: "next-place", label: "Next place", hint: "Go to the next picture on the table.", key: "n", run: (v, table) => table.visible[(table.visible.indexOf(v) + 1) % table.visible.length]?.element.focus() },
];

/** Register them all; the window tool is active at first. */
export function installHandling(table: LightTable): void {
  for (const tool of TOOLS) table.addTool(tool, { group: "look" });
  for (const command of TURNING) table.addCommand(command, { group: "turn" });
  for (const command of MORE) table.addCommand(command, { group: "turn", menu: "More" });
  for (const command of KEYS) table.addCommand(command);
  table.choose("window");
}

function nextVoi(viewport: Viewport): void {
  const choices = viewport.facts?.voi ?? [];
  if (!choices.length) return;
  const next = choices[(choiceOf(viewport.facts, viewport.appearance.voi) + 1) % choices.length];
  if (next) viewport.setAppearance({ voi: { ...next } });
}
