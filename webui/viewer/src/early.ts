// The first script of the page, a plain one: workers start and the first frame comes while the page is still being read.
import { PictureSource } from "./source";

/** How long the page waits for the worker, and the rest of it for the first picture. */
const PATIENCE_MS = 1000;

const script = document.currentScript as HTMLScriptElement;
const source = new PictureSource(new URL(".", script.src));
const { first, later } = script.dataset;
const picture = first ? source.load({ picture: { id: Number(first) }, frame: 1 }).catch(() => undefined) : undefined; // who looks at it will be told
Object.assign(window, { pictureSource: source });

// Until a page is loaded, the browser turns its waiting sign and draws the window anew with it, sixty times a second: without
// a graphics card that takes the processor away from the picture. What is imported here does not prolong it.
addEventListener("DOMContentLoaded", async () => {
  await patiently(source.unpacking); // what was sent to a worker is given to it when this thread is free
  await patiently(import(new URL("light-table.js", script.src).href).then(() => picture, console.error).then(painted));
  for (const address of later?.split(" ") ?? []) import(address).catch(console.error);
});

function patiently(event: Promise<unknown>): Promise<unknown> {
  return Promise.race([event, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
}

/** What was drawn just now is on the screen. */
function painted(): Promise<unknown> {
  return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
}
