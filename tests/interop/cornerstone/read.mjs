// Reads a structured report with Cornerstone's own adapters and prints the annotations that they make of it.
// Usage: node read.mjs report.dcm SOP-INSTANCE-UID
import fs from "node:fs";
import { adaptersSR } from "@cornerstonejs/adapters";
import { metaData } from "@cornerstonejs/core";
import dcmjs from "dcmjs";

const [path, sopInstanceUid] = process.argv.slice(2);
// A plane in which world coordinates are image coordinates.
const plane = {
  rowCosines: [1, 0, 0], columnCosines: [0, 1, 0], rowPixelSpacing: 1, columnPixelSpacing: 1,
  imagePositionPatient: [0, 0, 0], imageOrientationPatient: [1, 0, 0, 0, 1, 0], frameOfReferenceUID: "1.2.3", rows: 300, columns: 250,
};
const provider = (kind) => (kind === "imagePlaneModule" ? plane : undefined);
metaData.addProvider(provider, 100);

const bytes = fs.readFileSync(path);
const { DicomMessage, DicomMetaDictionary } = dcmjs.data;
const file = DicomMessage.readFile(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
const report = DicomMetaDictionary.naturalizeDataset(file.dict);
report._meta = DicomMetaDictionary.namifyDataset(file.meta);
const state = adaptersSR.Cornerstone3D.MeasurementReport.generateToolState(report, { [`${sopInstanceUid}:1`]: "picture:1" }, { get: provider });
const shown = Object.entries(state).flatMap(([tool, made]) =>
  made.map(({ annotation, TrackingUniqueIdentifier: uid }) => ({
    tool, uid, label: annotation.data.label ?? "", stats: annotation.data.cachedStats["imageId:picture:1"] ?? {},
    points: annotation.data.handles.points.map((point) => [...point]),
  })),
);
process.stdout.write(JSON.stringify(shown));
