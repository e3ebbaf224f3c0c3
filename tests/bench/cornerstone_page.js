// The least page that shows one picture of a DICOMweb archive with Cornerstone3D, for the benchmark of viewers.
import { init, RenderingEngine, Enums } from "@cornerstonejs/core";
import loader from "@cornerstonejs/dicom-image-loader";

const instance = new URLSearchParams(location.search).get("instance");
await init();
loader.init({ maxWebWorkers: 1 });
const answer = await fetch(`${instance}/metadata`, { headers: { Accept: "application/dicom+json" } });
const imageId = `wadors:${location.origin}${instance}/frames/1`;
loader.wadors.metaDataManager.add(imageId, (await answer.json())[0]);
const engine = new RenderingEngine("engine");
engine.enableElement({ viewportId: "only", type: Enums.ViewportType.STACK, element: document.getElementById("viewport") });
const viewport = engine.getViewport("only");
await viewport.setStack([imageId]);
viewport.render();
window.cornerstoneViewport = viewport;
