// The map of the chosen layer: a cell for each unit. What sees the chosen pixel is tinted, pins have their colours.
import { at } from "./follow.js";

const PIXELS = 190; // the longer side, at most
const STRIP_PIXELS = 24; // the height of a map of one axis
const GRID = 5; // cells of fewer pixels have no lines between them

/** Size on the page of a map, and of its cells. */
export function measure(sizes) {
  const rows = sizes.length > 1 ? sizes[sizes.length - 2] : 1;
  const columns = sizes[sizes.length - 1];
  const cell = Math.min(PIXELS / Math.max(rows, columns), 40);
  const tall = sizes.length > 1 ? cell : Math.max(cell, STRIP_PIXELS);
  return { rows, columns, cell, tall, width: columns * cell, height: rows * tall };
}

/** The unit at a place of the canvas, as shares of its width and height; places beyond it meet the edge. */
export function unitAt(sizes, shareX, shareY, plane) {
  const { rows, columns } = measure(sizes);
  const column = Math.min(columns - 1, Math.max(0, Math.floor(shareX * columns)));
  const row = Math.min(rows - 1, Math.max(0, Math.floor(shareY * rows)));
  return sizes.length === 1 ? [column] : sizes.length === 2 ? [row, column] : [plane, row, column];
}

/** Draws the map. `marks` are pins of this layer: their unit and number; `seen` the box of units that see the pixel. */
export function drawMap(canvas, sizes, look, unit, marks, seen) {
  const size = measure(sizes);
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(size.width * scale));
  canvas.height = Math.max(1, Math.round(size.height * scale));
  canvas.style.width = `${size.width}px`;
  canvas.style.height = `${size.height}px`;
  const context = canvas.getContext("2d");
  context.scale(canvas.width / size.width, canvas.height / size.height);
  context.fillStyle = look.frame;
  context.fillRect(0, 0, size.width, size.height);
  if (seen) tint(context, size, sizes, seen, unit, look);
  if (size.cell >= GRID) lines(context, size, look);
  const plane = sizes.length === 3 ? unit[0] : null;
  for (const mark of marks) {
    if (plane === null || mark.unit[0] === plane) cellAt(context, size, mark.unit, look.series[mark.n % 6], true);
  }
  cellAt(context, size, unit, look.ink, false);
  context.strokeStyle = look.muted;
  context.lineWidth = 1;
  context.strokeRect(0.5, 0.5, size.width - 1, size.height - 1);
}

function tint(context, size, sizes, seen, unit, look) {
  context.fillStyle = look.accent;
  context.globalAlpha = 0.4;
  const place = unit.slice();
  for (let row = 0; row < size.rows; row++) {
    for (let column = 0; column < size.columns; column++) {
      if (sizes.length > 1) place[sizes.length - 2] = row;
      place[sizes.length - 1] = column;
      if (at(seen, place)) context.fillRect(column * size.cell, row * size.tall, size.cell, size.tall);
    }
  }
  context.globalAlpha = 1;
}

function lines(context, size, look) {
  context.strokeStyle = look.rule;
  context.lineWidth = 0.75;
  context.beginPath();
  for (let column = 1; column < size.columns; column++) {
    context.moveTo(column * size.cell, 0);
    context.lineTo(column * size.cell, size.height);
  }
  for (let row = 1; row < size.rows; row++) {
    context.moveTo(0, row * size.tall);
    context.lineTo(size.width, row * size.tall);
  }
  context.stroke();
}

/** One unit: filled, or a ring that is seen on any ground; small cells are drawn larger than they are. */
function cellAt(context, size, unit, colour, filled) {
  const row = unit.length > 1 ? unit[unit.length - 2] : 0;
  const column = unit[unit.length - 1];
  const least = 5;
  const [w, h] = [Math.max(size.cell, least), Math.max(size.tall, least)];
  const x = (column + 0.5) * size.cell - w / 2;
  const y = (row + 0.5) * size.tall - h / 2;
  if (filled) {
    context.fillStyle = colour;
    context.fillRect(x, y, w, h);
    return;
  }
  context.lineWidth = 2.5;
  context.strokeStyle = colour;
  context.strokeRect(x + 1.25, y + 1.25, Math.max(w - 2.5, 2), Math.max(h - 2.5, 2));
}
