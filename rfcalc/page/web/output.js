// What leaves the page, by hand only: the current view as an SVG file, text for the clipboard.
import { backdrop, element, overlay } from "./plane.js";

const WIDTH = 640;
const LINE = 18;

/** The plane as it is seen, with its sentences below, as the text of an SVG file. */
export function svgText(scene, drawn, canvas, ownImage, state, sentences) {
  const { frame, look, shown } = drawn;
  const height = (WIDTH * frame.height) / frame.width;
  const parts = backdrop(scene.sizes, frame, look, ownImage);
  if (shown) {
    const { x, y, width, height: tall } = shown;
    const where = { x, y, width, height: tall, preserveAspectRatio: "none", "image-rendering": "pixelated" };
    parts.push(element("image", { ...where, href: canvas.toDataURL("image/png") }));
  }
  const pixel = state.pixel && state.pixel.length === scene.sizes.length ? state.pixel : null;
  parts.push(...overlay(scene.sizes, frame, look, scene.fields, pixel));
  const box = `${frame.left} ${frame.top} ${frame.width} ${frame.height}`;
  const plane = element("svg", { viewBox: box, width: WIDTH, height }, ...parts);
  const texts = sentences.map(({ text, colour }, i) => {
    const place = { x: 8, y: height + LINE * (i + 1), fill: colour || look.ink };
    return element("text", { ...place, "font-size": 12, "font-family": "DejaVu Sans, Verdana, sans-serif" }, text);
  });
  const tall = height + LINE * (texts.length + 0.5);
  const paper = element("rect", { width: WIDTH, height: tall, fill: look.paper });
  const size = { viewBox: `0 0 ${WIDTH} ${tall}`, width: WIDTH, height: tall };
  return new XMLSerializer().serializeToString(element("svg", size, paper, plane, ...texts));
}

export function save(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Puts text on the clipboard; resolves to whether it is there. */
export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    const done = await navigator.clipboard.writeText(text).then(() => true, () => false);
    if (done) return true;
  }
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

/** A picked file as an image that stays in this browser: a data address, which an exported file can hold as well. */
export function imageOf(file) {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => {
      const image = new Image();
      image.onload = () => resolve(reader.result);
      image.onerror = () => resolve(null);
      image.src = reader.result;
    };
    reader.onerror = () => resolve(null);
    reader.readAsDataURL(file);
  });
}
