import { _ } from "../../static/js/words.js";
import { icon } from "./toolbar";
import type { LightTable } from "./table";
import type { Viewport } from "./viewport";

const PLAY = "M8 5l11 7-11 7z";
const PAUSE = "M8 5v14M16 5v14";
/** Of a cine that does not say how fast it is (PS3.3 C.7.6.5). */
const DEFAULT_FRAME_MS = 66;

/** Plays stacks, one at a time; a frame that comes late is waited for, so that none is left out. */
export class Cine {
  private playing: Viewport | undefined;

  isPlaying(viewport: Viewport): boolean {
    return this.playing === viewport;
  }

  stop(): void {
    const { playing } = this;
    this.playing = undefined;
    playing?.dispatchEvent(new Event("cine"));
  }

  async play(viewport: Viewport): Promise<void> {
    this.stop();
    this.playing = viewport;
    viewport.dispatchEvent(new Event("cine"));
    const stack = viewport.picture?.stack;
    while (this.playing === viewport && stack && stack === viewport.picture?.stack && viewport.element.isConnected) {
      const due = performance.now() + (viewport.facts?.frame_time_ms ?? DEFAULT_FRAME_MS);
      await viewport.showPosition((viewport.position + 1) % stack.length);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    }
    if (this.playing === viewport) this.stop();
  }
}

/** A slider and a play button at the foot of a viewport that shows a stack. */
export function addStackControls(viewport: Viewport, table: LightTable): void {
  const controls = document.createElement("div");
  controls.className = "turner";
  const play = document.createElement("button");
  play.type = "button";
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = "1";
  slider.setAttribute("aria-label", _("Place in the stack"));
  controls.append(play, slider);
  viewport.element.append(controls);
  play.addEventListener("click", () => {
    if (table.cine.isPlaying(viewport)) table.cine.stop();
    else void table.cine.play(viewport);
  });
  slider.addEventListener("input", () => {
    table.cine.stop();
    void viewport.showPosition(Number(slider.value) - 1);
  });
  const write = (): void => {
    const count = viewport.picture?.stack.length ?? 0;
    controls.hidden = count < 2;
    slider.max = String(count);
    slider.value = String(viewport.position + 1);
    const playing = table.cine.isPlaying(viewport);
    play.replaceChildren(icon(playing ? PAUSE : PLAY));
    play.title = playing ? _("Stop. Key: C") : _("Play the frames one after another. Key: C");
    play.setAttribute("aria-label", playing ? _("Stop") : _("Play"));
  };
  for (const change of ["wanted", "shown", "cine"]) viewport.addEventListener(change, write);
  write();
}
