// Uses pages as a reader would, in Chromium, and says what happened: JSON in (pages, where screenshots go), JSON out.
import { readFileSync, writeFileSync } from "node:fs";
import { chromium } from "playwright-core";

const { executable, pages = [], shots, live, frame } = JSON.parse(readFileSync(0, "utf8"));
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const MOVES = 41;
const PATIENCE = 240000; // milliseconds: other programs may use the machine

const browser = await chromium.launch({ executablePath: executable, headless: true, args: FLAGS });
const said = {};
for (const { name, path, layers, look, beside, speed, image } of pages) {
  const notes = [];
  said[name] = { notes, ...(await explore(name, `file://${path}`, layers, notes)) };
  if (beside) said[name].both = await compared(`file://${path}`, notes);
  if (speed) said[name].speed = await measured(`file://${path}`, notes);
  if (image) said[name].more = await more(`file://${path}`, image, notes);
  if (look) said[name].shots = await screenshots(name, `file://${path}`);
}
if (live) said.live = await edited(live);
if (frame) said.frame = await framed(`file://${frame}`);
await browser.close();
process.stdout.write(JSON.stringify(said));

async function open(address, notes, options = {}, ready = true) {
  const { own, ...rest } = options;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...rest });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("console", (message) => notes.push(`console ${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => notes.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (!/^(file|data|blob):/.test(request.url()) && !request.url().startsWith(options.own || "file:")) notes.push(`request: ${request.url()}`);
  });
  await page.goto(address);
  if (ready) await page.waitForFunction(() => document.getElementById("readout").textContent !== "");
  return page;
}

function readout(page) {
  return page.textContent("#readout");
}

/** Until the scene is drawn: two frames on. */
function drawn(page) {
  return page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** Where on the screen a unit of the chosen layer's map is, or a place of the plane. */
function spot(page, id, share) {
  return page.evaluate(([target, [x, y]]) => {
    const element = document.getElementById(target);
    element.scrollIntoView({ block: "center" });
    const box = element.getBoundingClientRect();
    return { x: box.left + x * box.width, y: box.top + y * box.height };
  }, [id, share]);
}

async function unitSpot(page, [rows, columns], [row, column]) {
  return spot(page, "map", [(column + 0.5) / columns, (row + 0.5) / rows]);
}

async function explore(name, address, layers, notes) {
  const found = {};
  const page = await open(address, notes);
  found.start = await readout(page);
  const [layer, sizes, one, other] = layers;
  const row = page.locator(`[data-layer="${layer}"] .pick`).first();
  await row.click();
  found.chosen = await readout(page);
  found.current = await page.locator(`[data-layer="${layer}"]`).first().getAttribute("aria-current");
  const first = await unitSpot(page, sizes, one);
  await page.mouse.move(first.x, first.y);
  await drawn(page);
  found.hovered = await readout(page);
  await page.mouse.down();
  await page.mouse.up();
  found.pinned = [await readout(page), await page.locator(".pins tbody tr").count()];
  const second = await unitSpot(page, sizes, other);
  await page.mouse.move(first.x, first.y);
  await page.mouse.down();
  await page.mouse.move((first.x + second.x) / 2, (first.y + second.y) / 2);
  await page.mouse.move(second.x, second.y);
  await page.mouse.up();
  await page.mouse.move(2, 2);
  await drawn(page);
  found.dragged = [await readout(page), await page.locator(".pins tbody tr").count()];
  await page.focus("#map");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  found.keyed = [await readout(page), await page.locator(".pins tbody tr").count()];
  const centre = await spot(page, "plane", [0.5, 0.5]);
  await page.mouse.click(centre.x, centre.y);
  found.pixel = await page.textContent("#pixel");
  found.address = await page.evaluate(() => location.hash);
  found.sums = await sums(page, layer);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Export SVG")]);
  found.svg = readFileSync(await download.path(), "utf8");
  const again = await open(address + found.address, notes);
  found.again = [await readout(again), await again.locator(".pins tbody tr").count(), await again.textContent("#pixel")];
  await again.keyboard.press("Escape");
  await again.keyboard.press("Escape");
  await again.keyboard.press("j");
  found.next = [await readout(again), await again.locator(".pins tbody tr").count()];
  await page.context().close();
  await again.context().close();
  return found;
}

/** A layer of the second network, pinned beside one of the first. */
async function compared(address, notes) {
  const page = await open(`${address}#net=0&layer=C6&unit=3,4&pin=0/C6@3,4`, notes);
  const found = { tables: await page.locator("table.rows").count(), differing: await page.locator("tr.differs").count() };
  await page.locator('table[data-net="1"] [data-layer="C3.conv"] .pick').click();
  found.other = await readout(page);
  await page.keyboard.press("p");
  found.pins = await page.locator(".pins .pick").allTextContents();
  found.address = await page.evaluate(() => location.hash);
  await page.context().close();
  return found;
}

/** The arithmetic of a row on demand, and gone again. */
async function sums(page, layer) {
  const button = page.locator(`[data-layer="${layer}"] .sum`).first();
  await button.click();
  const text = await page.textContent(".worked pre");
  await button.click();
  return [text, await page.locator(".worked").count()];
}

/** Milliseconds of the page's own thread for opening it, and for each of many moves over the map: what the page costs,
 * whatever else the machine does. */
async function measured(address, notes) {
  const page = await open("about:blank", notes, {}, false);
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return 1000 * metrics.find((each) => each.name === "TaskDuration").value;
  };
  await page.goto(address);
  await page.waitForFunction(() => document.getElementById("readout").textContent !== "");
  const opened = await spent();
  const moves = [];
  for (let i = 0; i < MOVES; i++) {
    const place = await spot(page, "map", [((i * 7) % 53) / 53, ((i * 11) % 53) / 53]);
    const before = await spent();
    await page.mouse.move(place.x, place.y);
    await drawn(page);
    moves.push((await spent()) - before);
  }
  moves.sort((one, other) => one - other);
  await page.context().close();
  return { opened, move: moves[MOVES >> 1] };
}

async function screenshots(name, address) {
  const made = [];
  for (const [width, height] of [[1280, 900], [390, 844]]) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await open(address, [], { viewport: { width, height }, colorScheme });
      const path = `${shots}/${name}-${width}-${colorScheme}.png`;
      await page.screenshot({ path, fullPage: width < 1000 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      made.push([path, width, wide]);
      await page.context().close();
    }
  }
  return made;
}

/** An image of the user's own, the clipboard, and the page as it is printed. */
async function more(address, image, notes) {
  const found = {};
  const page = await open(address, notes, { permissions: ["clipboard-read", "clipboard-write"] });
  await page.setInputFiles('input[type="file"]', image);
  await page.waitForSelector("#plane image");
  found.image = await page.getAttribute("#plane image", "href");
  const copied = async (text) => {
    await page.click(`text=Copy ${text}`);
    await page.waitForFunction((word) => document.querySelector(".told").textContent === `${word} copied`, text);
    return page.evaluate(() => navigator.clipboard.readText());
  };
  found.yaml = await copied("YAML");
  found.markdown = await copied("Markdown");
  await page.emulateMedia({ media: "print" });
  found.hidden = await page.evaluate(() => ["#tools", ".controls", "#rowtools"].map((each) => getComputedStyle(document.querySelector(each)).display));
  found.footer = await page.evaluate(() => getComputedStyle(document.querySelector("footer")).position);
  found.pdf = (await page.pdf()).length;
  await page.context().close();
  return found;
}

/** The page within the frame of a notebook's cell. */
async function framed(address) {
  const notes = [];
  const page = await open(address, notes, {}, false);
  const inner = await (await page.waitForSelector("iframe")).contentFrame();
  await inner.waitForFunction(() => document.getElementById("readout").textContent !== "");
  const start = await inner.textContent("#readout");
  await inner.click('[data-layer="C6"] .pick');
  const chosen = await inner.textContent("#readout");
  await page.context().close();
  return { notes, start, chosen };
}

/** A file edited in the live page, letter by letter, saved, changed on disk, repaired. */
async function edited({ address, file, line, typed, name, texts }) {
  const notes = [];
  const found = { notes, problems: 0, milliseconds: [] };
  const page = await open(address, notes, { own: address });
  page.on("dialog", (dialog) => dialog.accept());
  const state = (word) => page.waitForFunction((said) => document.getElementById("state").textContent === said, word);
  await page.click('[data-layer="C6"] .pick');
  await page.keyboard.press("p");
  await page.click(".cm-content");
  await page.keyboard.press("Control+Home");
  for (let i = 1; i < line; i++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  for (const letter of typed) {
    await page.keyboard.type(letter);
    await drawn(page);
    if (await page.locator("#problems li").count()) found.problems++;
    found.milliseconds.push(Number(await page.evaluate(() => document.body.dataset.milliseconds)));
  }
  await page.keyboard.press("Escape");
  await page.waitForSelector(`#tables [data-layer="${name}"]`);
  await page.waitForFunction(() => !document.querySelector("#problems li"));
  await state("not saved");
  found.pins = await page.locator(".pins tbody tr").count();
  found.readout = await readout(page);
  await page.keyboard.press("Control+s");
  await state("saved");
  found.saved = readFileSync(file, "utf8");
  writeFileSync(file, texts.broken);
  await page.waitForSelector("#problems li");
  found.said = await page.textContent("#problems");
  found.marked = await page.locator(".cm-lintRange-error").count();
  found.layers = await page.locator("#tables [data-layer]").count();
  writeFileSync(file, texts.missed);
  await page.click("#mend button");
  await page.click(".ways button");
  await page.waitForSelector(".target.met");
  await page.waitForFunction(() => !document.querySelector(".target.missed"));
  await state("not saved");
  writeFileSync(file, texts.other);
  await page.waitForSelector(".clash");
  found.clash = await page.textContent(".clash");
  found.kept = await page.textContent("h1");
  await page.click("text=Load it, lose mine");
  await page.waitForFunction(() => document.querySelector("h1").textContent === "other");
  await state("saved");
  await page.click(".cm-content");
  await page.keyboard.press("Control+End");
  await page.keyboard.type("targ");
  await page.waitForSelector(".cm-tooltip-autocomplete");
  found.offered = await page.textContent(".cm-tooltip-autocomplete");
  found.milliseconds.sort((one, other) => one - other);
  found.milliseconds = found.milliseconds[found.milliseconds.length >> 1];
  await page.context().close();
  return found;
}
