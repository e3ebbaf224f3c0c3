// The first script of the page, a plain one: workers start and the first frame comes while the page is still being read.
import { PictureSource } from "./source";

const source = new PictureSource(new URL(".", (document.currentScript as HTMLScriptElement).src));
const { first } = (document.currentScript as HTMLScriptElement).dataset;
if (first) source.load({ picture: { id: Number(first) }, frame: 1 }).catch(() => undefined); // who looks at it will be told
Object.assign(window, { pictureSource: source });
