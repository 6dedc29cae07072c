// The page from disk: it holds its data.
import { show } from "./app.js";

show(JSON.parse(document.getElementById("rfcalc-data").textContent));
