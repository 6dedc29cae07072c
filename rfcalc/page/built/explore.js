"use strict";
(() => {
// This script holds, under these licences:
// htm 3.1.1 (Apache-2.0):
// Apache License
//                            Version 2.0, January 2004
//                         http://www.apache.org/licenses/
//
//    TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION
//
//    1. Definitions.
//
//       "License" shall mean the terms and conditions for use, reproduction,
//       and distribution as defined by Sections 1 through 9 of this document.
//
//       "Licensor" shall mean the copyright owner or entity authorized by
//       the copyright owner that is granting the License.
//
//       "Legal Entity" shall mean the union of the acting entity and all
//       other entities that control, are controlled by, or are under common
//       control with that entity. For the purposes of this definition,
//       "control" means (i) the power, direct or indirect, to cause the
//       direction or management of such entity, whether by contract or
//       otherwise, or (ii) ownership of fifty percent (50%) or more of the
//       outstanding shares, or (iii) beneficial ownership of such entity.
//
//       "You" (or "Your") shall mean an individual or Legal Entity
//       exercising permissions granted by this License.
//
//       "Source" form shall mean the preferred form for making modifications,
//       including but not limited to software source code, documentation
//       source, and configuration files.
//
//       "Object" form shall mean any form resulting from mechanical
//       transformation or translation of a Source form, including but
//       not limited to compiled object code, generated documentation,
//       and conversions to other media types.
//
//       "Work" shall mean the work of authorship, whether in Source or
//       Object form, made available under the License, as indicated by a
//       copyright notice that is included in or attached to the work
//       (an example is provided in the Appendix below).
//
//       "Derivative Works" shall mean any work, whether in Source or Object
//       form, that is based on (or derived from) the Work and for which the
//       editorial revisions, annotations, elaborations, or other modifications
//       represent, as a whole, an original work of authorship. For the purposes
//       of this License, Derivative Works shall not include works that remain
//       separable from, or merely link (or bind by name) to the interfaces of,
//       the Work and Derivative Works thereof.
//
//       "Contribution" shall mean any work of authorship, including
//       the original version of the Work and any modifications or additions
//       to that Work or Derivative Works thereof, that is intentionally
//       submitted to Licensor for inclusion in the Work by the copyright owner
//       or by an individual or Legal Entity authorized to submit on behalf of
//       the copyright owner. For the purposes of this definition, "submitted"
//       means any form of electronic, verbal, or written communication sent
//       to the Licensor or its representatives, including but not limited to
//       communication on electronic mailing lists, source code control systems,
//       and issue tracking systems that are managed by, or on behalf of, the
//       Licensor for the purpose of discussing and improving the Work, but
//       excluding communication that is conspicuously marked or otherwise
//       designated in writing by the copyright owner as "Not a Contribution."
//
//       "Contributor" shall mean Licensor and any individual or Legal Entity
//       on behalf of whom a Contribution has been received by Licensor and
//       subsequently incorporated within the Work.
//
//    2. Grant of Copyright License. Subject to the terms and conditions of
//       this License, each Contributor hereby grants to You a perpetual,
//       worldwide, non-exclusive, no-charge, royalty-free, irrevocable
//       copyright license to reproduce, prepare Derivative Works of,
//       publicly display, publicly perform, sublicense, and distribute the
//       Work and such Derivative Works in Source or Object form.
//
//    3. Grant of Patent License. Subject to the terms and conditions of
//       this License, each Contributor hereby grants to You a perpetual,
//       worldwide, non-exclusive, no-charge, royalty-free, irrevocable
//       (except as stated in this section) patent license to make, have made,
//       use, offer to sell, sell, import, and otherwise transfer the Work,
//       where such license applies only to those patent claims licensable
//       by such Contributor that are necessarily infringed by their
//       Contribution(s) alone or by combination of their Contribution(s)
//       with the Work to which such Contribution(s) was submitted. If You
//       institute patent litigation against any entity (including a
//       cross-claim or counterclaim in a lawsuit) alleging that the Work
//       or a Contribution incorporated within the Work constitutes direct
//       or contributory patent infringement, then any patent licenses
//       granted to You under this License for that Work shall terminate
//       as of the date such litigation is filed.
//
//    4. Redistribution. You may reproduce and distribute copies of the
//       Work or Derivative Works thereof in any medium, with or without
//       modifications, and in Source or Object form, provided that You
//       meet the following conditions:
//
//       (a) You must give any other recipients of the Work or
//           Derivative Works a copy of this License; and
//
//       (b) You must cause any modified files to carry prominent notices
//           stating that You changed the files; and
//
//       (c) You must retain, in the Source form of any Derivative Works
//           that You distribute, all copyright, patent, trademark, and
//           attribution notices from the Source form of the Work,
//           excluding those notices that do not pertain to any part of
//           the Derivative Works; and
//
//       (d) If the Work includes a "NOTICE" text file as part of its
//           distribution, then any Derivative Works that You distribute must
//           include a readable copy of the attribution notices contained
//           within such NOTICE file, excluding those notices that do not
//           pertain to any part of the Derivative Works, in at least one
//           of the following places: within a NOTICE text file distributed
//           as part of the Derivative Works; within the Source form or
//           documentation, if provided along with the Derivative Works; or,
//           within a display generated by the Derivative Works, if and
//           wherever such third-party notices normally appear. The contents
//           of the NOTICE file are for informational purposes only and
//           do not modify the License. You may add Your own attribution
//           notices within Derivative Works that You distribute, alongside
//           or as an addendum to the NOTICE text from the Work, provided
//           that such additional attribution notices cannot be construed
//           as modifying the License.
//
//       You may add Your own copyright statement to Your modifications and
//       may provide additional or different license terms and conditions
//       for use, reproduction, or distribution of Your modifications, or
//       for any such Derivative Works as a whole, provided Your use,
//       reproduction, and distribution of the Work otherwise complies with
//       the conditions stated in this License.
//
//    5. Submission of Contributions. Unless You explicitly state otherwise,
//       any Contribution intentionally submitted for inclusion in the Work
//       by You to the Licensor shall be under the terms and conditions of
//       this License, without any additional terms or conditions.
//       Notwithstanding the above, nothing herein shall supersede or modify
//       the terms of any separate license agreement you may have executed
//       with Licensor regarding such Contributions.
//
//    6. Trademarks. This License does not grant permission to use the trade
//       names, trademarks, service marks, or product names of the Licensor,
//       except as required for reasonable and customary use in describing the
//       origin of the Work and reproducing the content of the NOTICE file.
//
//    7. Disclaimer of Warranty. Unless required by applicable law or
//       agreed to in writing, Licensor provides the Work (and each
//       Contributor provides its Contributions) on an "AS IS" BASIS,
//       WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or
//       implied, including, without limitation, any warranties or conditions
//       of TITLE, NON-INFRINGEMENT, MERCHANTABILITY, or FITNESS FOR A
//       PARTICULAR PURPOSE. You are solely responsible for determining the
//       appropriateness of using or redistributing the Work and assume any
//       risks associated with Your exercise of permissions under this License.
//
//    8. Limitation of Liability. In no event and under no legal theory,
//       whether in tort (including negligence), contract, or otherwise,
//       unless required by applicable law (such as deliberate and grossly
//       negligent acts) or agreed to in writing, shall any Contributor be
//       liable to You for damages, including any direct, indirect, special,
//       incidental, or consequential damages of any character arising as a
//       result of this License or out of the use or inability to use the
//       Work (including but not limited to damages for loss of goodwill,
//       work stoppage, computer failure or malfunction, or any and all
//       other commercial damages or losses), even if such Contributor
//       has been advised of the possibility of such damages.
//
//    9. Accepting Warranty or Additional Liability. While redistributing
//       the Work or Derivative Works thereof, You may choose to offer,
//       and charge a fee for, acceptance of support, warranty, indemnity,
//       or other liability obligations and/or rights consistent with this
//       License. However, in accepting such obligations, You may act only
//       on Your own behalf and on Your sole responsibility, not on behalf
//       of any other Contributor, and only if You agree to indemnify,
//       defend, and hold each Contributor harmless for any liability
//       incurred by, or claims asserted against, such Contributor by reason
//       of your accepting any such warranty or additional liability.
//
//    END OF TERMS AND CONDITIONS
//
//    APPENDIX: How to apply the Apache License to your work.
//
//       To apply the Apache License to your work, attach the following
//       boilerplate notice, with the fields enclosed by brackets "[]"
//       replaced with your own identifying information. (Don't include
//       the brackets!)  The text should be enclosed in the appropriate
//       comment syntax for the file format. We also recommend that a
//       file or class name and description of purpose be included on the
//       same "printed page" as the copyright notice for easier
//       identification within third-party archives.
//
//    Copyright 2018 Google Inc.
//
//    Licensed under the Apache License, Version 2.0 (the "License");
//    you may not use this file except in compliance with the License.
//    You may obtain a copy of the License at
//
//        http://www.apache.org/licenses/LICENSE-2.0
//
//    Unless required by applicable law or agreed to in writing, software
//    distributed under the License is distributed on an "AS IS" BASIS,
//    WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
//    See the License for the specific language governing permissions and
//    limitations under the License.
// preact 10.5.14 (MIT):
// The MIT License (MIT)
//
// Copyright (c) 2015-present Jason Miller
//
// Permission is hereby granted, free of charge, to any person obtaining a copy
// of this software and associated documentation files (the "Software"), to deal
// in the Software without restriction, including without limitation the rights
// to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
// copies of the Software, and to permit persons to whom the Software is
// furnished to do so, subject to the following conditions:
//
// The above copyright notice and this permission notice shall be included in all
// copies or substantial portions of the Software.
//
// THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
// IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
// FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
// AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
// LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
// OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
// SOFTWARE.

// --- heat.js
// Colours of counts: viridis, seventeen stops of it, straight lines between; distinct in greyscale and for the
// colour-blind.
const STOPS = [
  [68, 1, 84], [72, 24, 106], [71, 45, 123], [66, 64, 134], [59, 82, 139], [51, 99, 141],
  [44, 114, 142], [38, 130, 142], [33, 145, 140], [31, 160, 136], [40, 174, 128], [63, 188, 115],
  [94, 201, 98], [132, 212, 75], [173, 220, 48], [216, 226, 25], [253, 231, 37],
];

/** 256 colours as [red, green, blue]. */
const VIRIDIS = Array.from({ length: 256 }, (_, i) => {
  const at = (i / 255) * (STOPS.length - 1);
  const low = Math.min(Math.floor(at), STOPS.length - 2);
  return STOPS[low].map((from, c) => Math.round(from + (STOPS[low + 1][c] - from) * (at - low)));
});

function rgb(colour) {
  const value = parseInt(colour.trim().slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** What is shown of a unit's counts: the rectangle that it sees and all that it reads, on the two drawn axes; of three
 * axes in one plane. `inside` tells for each place whether it lies within the rectangle, where a zero is a hole. */
function shownOf(found, plane) {
  const { counts, inside } = found;
  const axes = counts.n.length;
  const lo = counts.lo.map((low, a) => Math.min(low, inside[a][0]));
  const hi = counts.lo.map((low, a) => Math.max(low + counts.n[a] - 1, inside[a][1]));
  const [top, left] = axes > 1 ? lo.slice(-2) : [0, lo[0]];
  const [rows, columns] = axes > 1 ? [hi[axes - 2] - top + 1, hi[axes - 1] - left + 1] : [1, hi[0] - left + 1];
  const data = new Float64Array(rows * columns);
  const within = new Uint8Array(rows * columns);
  const holds = axes < 3 || (plane >= inside[0][0] && plane <= inside[0][1]);
  const [tops, lefts] = axes > 1 ? inside.slice(-2) : [[0, 0], inside[0]];
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    const counted = rowOf(counts, axes === 3 ? [plane, top + row] : axes === 2 ? [top + row] : []);
    if (counted) data.set(counted, start + counts.lo[axes - 1] - left);
    const tall = holds && top + row >= tops[0] && top + row <= tops[1];
    if (tall) within.fill(1, start + lefts[0] - left, start + lefts[1] - left + 1);
  }
  return { top, left, rows, columns, data, within };
}

/** The values of a box along its last axis at places of the axes before; null where it has none. */
function rowOf(box, places) {
  let index = 0;
  for (let a = 0; a < places.length; a++) {
    const i = places[a] - box.lo[a];
    if (i < 0 || i >= box.n[a]) return null;
    index = index * box.n[a] + i;
  }
  const width = box.n[box.n.length - 1];
  return box.data.subarray(index * width, (index + 1) * width);
}

/** Paints what a unit reads into a canvas, a pixel for a place: counts, or that it is read; holes are grey. */
function paint(canvas, shown, most, kind, tint, grey) {
  canvas.width = shown.columns;
  canvas.height = shown.rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(shown.columns, shown.rows);
  const pixels = new Uint32Array(image.data.buffer);
  const packed = ([r, g, b], alpha) => (alpha << 24) | (b << 16) | (g << 8) | r;
  const scale = kind === "paths" ? VIRIDIS.map((colour) => packed(colour, 225)) : [packed(tint, 120)];
  const hole = packed(grey, 110);
  for (let i = 0; i < shown.data.length; i++) {
    const value = shown.data[i];
    if (value === 0) pixels[i] = shown.within[i] ? hole : 0;
    else if (kind === "paths") pixels[i] = scale[Number.isFinite(most) ? Math.floor((value / most) * 255.999) : 255];
    else pixels[i] = scale[0];
  }
  context.putImageData(image, 0, 0);
}

function largest(box) {
  let most = 0;
  for (const value of box.data) if (value > most) most = value;
  return most;
}

function smallest(box) {
  let least = Infinity;
  for (const value of box.data) if (value > 0 && value < least) least = value;
  return least;
}

// --- state.js
// What is chosen, and the same in the URL's fragment: #net=0&layer=C6&unit=3,4&pin=0/C6@2,2&heat=reads
// `net` is the number of the network, `layer` and `from` are names, units and pixels are counted from 0.

const HEATS = ["paths", "reads", "none"];

/** The state that the page begins with. */
function initial(nets) {
  return { net: 0, ...layerState(nets[0], nets[0].start), from: 0, pixel: null, pins: [], heat: "paths", plane: null };
}

/** A layer with its centre unit. */
function layerState(net, layer) {
  return { layer, unit: centre(net, layer) };
}

function centre(net, layer) {
  return net.sizes[layer].map((size) => size >> 1);
}

/** The unit of a layer nearest to where a unit of another one stands on its map. */
function alike(net, layer, unit, other) {
  const sizes = net.sizes[layer];
  return net.sizes[other].map((size, a) => {
    const share = sizes[a] > 0 ? (unit[a] + 0.5) / sizes[a] : 0.5;
    return Math.min(size - 1, Math.floor(share * size));
  });
}

/** The fragment of a state; what is as in the beginning is left out. */
function fragment(nets, state) {
  const net = nets[state.net];
  const said = new URLSearchParams();
  if (nets.length > 1) said.set("net", state.net);
  said.set("layer", net.names[state.layer]);
  said.set("unit", state.unit.join(","));
  if (state.from) said.set("from", net.names[state.from]);
  if (state.pixel) said.set("pixel", state.pixel.join(","));
  for (const pin of state.pins) said.append("pin", `${pin.net}/${nets[pin.net].names[pin.layer]}@${pin.unit.join(",")}`);
  if (state.heat !== HEATS[0]) said.set("heat", state.heat);
  return said.toString();
}

/** What a fragment says, as changes to a state; whatever does not name something that exists is left out. */
function parsed(nets, text, state) {
  const said = new URLSearchParams(text.replace(/^#/, ""));
  const found = {};
  const number = Number(said.get("net") ?? state.net);
  found.net = Number.isInteger(number) && number >= 0 && number < nets.length ? number : state.net;
  const net = nets[found.net];
  const layer = net.names.indexOf(said.get("layer"));
  if (layer > 0) Object.assign(found, layerState(net, layer));
  else if (found.net !== state.net) Object.assign(found, layerState(net, net.start));
  const chosen = found.layer ?? state.layer;
  const unit = place(said.get("unit"), net.sizes[chosen]);
  if (unit) found.unit = unit;
  const from = said.has("from") ? net.names.indexOf(said.get("from")) : 0;
  found.from = from > 0 && from < chosen ? from : 0;
  found.pixel = place(said.get("pixel"), net.sizes[found.from]);
  found.pins = said.getAll("pin").map((each) => pinned(nets, each)).filter(Boolean);
  if (HEATS.includes(said.get("heat"))) found.heat = said.get("heat");
  return found;
}

function pinned(nets, text) {
  const [, number, name, unit] = /^(\d+)\/([^]*)@([\d,]+)$/.exec(text) || [];
  const net = nets[Number(number)];
  const layer = net ? net.names.indexOf(name) : -1;
  const at = layer > 0 ? place(unit, net.sizes[layer]) : null;
  return at ? { net: Number(number), layer, unit: at } : null;
}

/** "3,4" as numbers on a map of such sizes, or null. */
function place(text, sizes) {
  if (!text || !/^\d+(,\d+)*$/.test(text)) return null;
  const numbers = text.split(",").map(Number);
  return numbers.length === sizes.length && numbers.every((n, a) => n < sizes[a]) ? numbers : null;
}

function samePin(one, other) {
  return one.net === other.net && one.layer === other.layer && one.unit.join() === other.unit.join();
}

/** The pins with one more, or without it where it is there already. */
function toggled(pins, pin) {
  return pins.some((each) => samePin(each, pin)) ? pins.filter((each) => !samePin(each, pin)) : [...pins, pin];
}

// --- vendor/htm-preact.js
const { html, render, useEffect, useRef } = (() => {
var e,n,_,t,o,r,u,l={},i=[],c=/acit|ex(?:s|g|n|p|$)|rph|grid|ows|mnc|ntw|ine[ch]|zoo|^ord|itera/i;function s(e,n){for(var _ in n)e[_]=n[_];return e}function f(e){var n=e.parentNode;n&&n.removeChild(e)}function a(n,_,t){var o,r,u,l={};for(u in _)"key"==u?o=_[u]:"ref"==u?r=_[u]:l[u]=_[u];if(arguments.length>2&&(l.children=arguments.length>3?e.call(arguments,2):t),"function"==typeof n&&null!=n.defaultProps)for(u in n.defaultProps)void 0===l[u]&&(l[u]=n.defaultProps[u]);return p(n,l,o,r,null)}function p(e,t,o,r,u){var l={type:e,props:t,key:o,ref:r,__k:null,__:null,__b:0,__e:null,__d:void 0,__c:null,__h:null,constructor:void 0,__v:null==u?++_:u};return null!=n.vnode&&n.vnode(l),l}function h(e){return e.children}function d(e,n){this.props=e,this.context=n}function v(e,n){if(null==n)return e.__?v(e.__,e.__.__k.indexOf(e)+1):null;for(var _;n<e.__k.length;n++)if(null!=(_=e.__k[n])&&null!=_.__e)return _.__e;return"function"==typeof e.type?v(e):null}function y(e){var n,_;if(null!=(e=e.__)&&null!=e.__c){for(e.__e=e.__c.base=null,n=0;n<e.__k.length;n++)if(null!=(_=e.__k[n])&&null!=_.__e){e.__e=e.__c.base=_.__e;break}return y(e)}}function m(e){(!e.__d&&(e.__d=!0)&&t.push(e)&&!g.__r++||r!==n.debounceRendering)&&((r=n.debounceRendering)||o)(g)}function g(){for(var e;g.__r=t.length;)e=t.sort(function(e,n){return e.__v.__b-n.__v.__b}),t=[],e.some(function(e){var n,_,t,o,r,u;e.__d&&(r=(o=(n=e).__v).__e,(u=n.__P)&&(_=[],(t=s({},o)).__v=o.__v+1,P(u,o,t,n.__n,void 0!==u.ownerSVGElement,null!=o.__h?[r]:null,_,null==r?v(o):r,o.__h),D(_,o),o.__e!=r&&y(o)))})}function k(e,n,_,t,o,r,u,c,s,f){var a,d,y,m,g,k,x,H=t&&t.__k||i,E=H.length;for(_.__k=[],a=0;a<n.length;a++)if(null!=(m=_.__k[a]=null==(m=n[a])||"boolean"==typeof m?null:"string"==typeof m||"number"==typeof m||"bigint"==typeof m?p(null,m,null,null,m):Array.isArray(m)?p(h,{children:m},null,null,null):m.__b>0?p(m.type,m.props,m.key,null,m.__v):m)){if(m.__=_,m.__b=_.__b+1,null===(y=H[a])||y&&m.key==y.key&&m.type===y.type)H[a]=void 0;else for(d=0;d<E;d++){if((y=H[d])&&m.key==y.key&&m.type===y.type){H[d]=void 0;break}y=null}P(e,m,y=y||l,o,r,u,c,s,f),g=m.__e,(d=m.ref)&&y.ref!=d&&(x||(x=[]),y.ref&&x.push(y.ref,null,m),x.push(d,m.__c||g,m)),null!=g?(null==k&&(k=g),"function"==typeof m.type&&null!=m.__k&&m.__k===y.__k?m.__d=s=b(m,s,e):s=C(e,m,y,H,g,s),f||"option"!==_.type?"function"==typeof _.type&&(_.__d=s):e.value=""):s&&y.__e==s&&s.parentNode!=e&&(s=v(y))}for(_.__e=k,a=E;a--;)null!=H[a]&&("function"==typeof _.type&&null!=H[a].__e&&H[a].__e==_.__d&&(_.__d=v(t,a+1)),U(H[a],H[a]));if(x)for(a=0;a<x.length;a++)T(x[a],x[++a],x[++a])}function b(e,n,_){var t,o;for(t=0;t<e.__k.length;t++)(o=e.__k[t])&&(o.__=e,n="function"==typeof o.type?b(o,n,_):C(_,o,o,e.__k,o.__e,n));return n}function C(e,n,_,t,o,r){var u,l,i;if(void 0!==n.__d)u=n.__d,n.__d=void 0;else if(null==_||o!=r||null==o.parentNode)e:if(null==r||r.parentNode!==e)e.appendChild(o),u=null;else{for(l=r,i=0;(l=l.nextSibling)&&i<t.length;i+=2)if(l==o)break e;e.insertBefore(o,r),u=r}return void 0!==u?u:o.nextSibling}function x(e,n,_){"-"===n[0]?e.setProperty(n,_):e[n]=null==_?"":"number"!=typeof _||c.test(n)?_:_+"px"}function H(e,n,_,t,o){var r;e:if("style"===n)if("string"==typeof _)e.style.cssText=_;else{if("string"==typeof t&&(e.style.cssText=t=""),t)for(n in t)_&&n in _||x(e.style,n,"");if(_)for(n in _)t&&_[n]===t[n]||x(e.style,n,_[n])}else if("o"===n[0]&&"n"===n[1])r=n!==(n=n.replace(/Capture$/,"")),n=n.toLowerCase()in e?n.toLowerCase().slice(2):n.slice(2),e.l||(e.l={}),e.l[n+r]=_,_?t||e.addEventListener(n,r?S:E,r):e.removeEventListener(n,r?S:E,r);else if("dangerouslySetInnerHTML"!==n){if(o)n=n.replace(/xlink[H:h]/,"h").replace(/sName$/,"s");else if("href"!==n&&"list"!==n&&"form"!==n&&"tabIndex"!==n&&"download"!==n&&n in e)try{e[n]=null==_?"":_;break e}catch(e){}"function"==typeof _||(null!=_&&(!1!==_||"a"===n[0]&&"r"===n[1])?e.setAttribute(n,_):e.removeAttribute(n))}}function E(e){this.l[e.type+!1](n.event?n.event(e):e)}function S(e){this.l[e.type+!0](n.event?n.event(e):e)}function P(e,_,t,o,r,u,l,i,c){var f,a,p,v,y,m,g,b,C,x,H,E=_.type;if(void 0!==_.constructor)return null;null!=t.__h&&(c=t.__h,i=_.__e=t.__e,_.__h=null,u=[i]),(f=n.__b)&&f(_);try{e:if("function"==typeof E){if(b=_.props,C=(f=E.contextType)&&o[f.__c],x=f?C?C.props.value:f.__:o,t.__c?g=(a=_.__c=t.__c).__=a.__E:("prototype"in E&&E.prototype.render?_.__c=a=new E(b,x):(_.__c=a=new d(b,x),a.constructor=E,a.render=A),C&&C.sub(a),a.props=b,a.state||(a.state={}),a.context=x,a.__n=o,p=a.__d=!0,a.__h=[]),null==a.__s&&(a.__s=a.state),null!=E.getDerivedStateFromProps&&(a.__s==a.state&&(a.__s=s({},a.__s)),s(a.__s,E.getDerivedStateFromProps(b,a.__s))),v=a.props,y=a.state,p)null==E.getDerivedStateFromProps&&null!=a.componentWillMount&&a.componentWillMount(),null!=a.componentDidMount&&a.__h.push(a.componentDidMount);else{if(null==E.getDerivedStateFromProps&&b!==v&&null!=a.componentWillReceiveProps&&a.componentWillReceiveProps(b,x),!a.__e&&null!=a.shouldComponentUpdate&&!1===a.shouldComponentUpdate(b,a.__s,x)||_.__v===t.__v){a.props=b,a.state=a.__s,_.__v!==t.__v&&(a.__d=!1),a.__v=_,_.__e=t.__e,_.__k=t.__k,_.__k.forEach(function(e){e&&(e.__=_)}),a.__h.length&&l.push(a);break e}null!=a.componentWillUpdate&&a.componentWillUpdate(b,a.__s,x),null!=a.componentDidUpdate&&a.__h.push(function(){a.componentDidUpdate(v,y,m)})}a.context=x,a.props=b,a.state=a.__s,(f=n.__r)&&f(_),a.__d=!1,a.__v=_,a.__P=e,f=a.render(a.props,a.state,a.context),a.state=a.__s,null!=a.getChildContext&&(o=s(s({},o),a.getChildContext())),p||null==a.getSnapshotBeforeUpdate||(m=a.getSnapshotBeforeUpdate(v,y)),H=null!=f&&f.type===h&&null==f.key?f.props.children:f,k(e,Array.isArray(H)?H:[H],_,t,o,r,u,l,i,c),a.base=_.__e,_.__h=null,a.__h.length&&l.push(a),g&&(a.__E=a.__=null),a.__e=!1}else null==u&&_.__v===t.__v?(_.__k=t.__k,_.__e=t.__e):_.__e=w(t.__e,_,t,o,r,u,l,c);(f=n.diffed)&&f(_)}catch(e){_.__v=null,(c||null!=u)&&(_.__e=i,_.__h=!!c,u[u.indexOf(i)]=null),n.__e(e,_,t)}}function D(e,_){n.__c&&n.__c(_,e),e.some(function(_){try{e=_.__h,_.__h=[],e.some(function(e){e.call(_)})}catch(e){n.__e(e,_.__v)}})}function w(n,_,t,o,r,u,i,c){var s,a,p,h=t.props,d=_.props,y=_.type,m=0;if("svg"===y&&(r=!0),null!=u)for(;m<u.length;m++)if((s=u[m])&&(s===n||(y?s.localName==y:3==s.nodeType))){n=s,u[m]=null;break}if(null==n){if(null===y)return document.createTextNode(d);n=r?document.createElementNS("http://www.w3.org/2000/svg",y):document.createElement(y,d.is&&d),u=null,c=!1}if(null===y)h===d||c&&n.data===d||(n.data=d);else{if(u=u&&e.call(n.childNodes),a=(h=t.props||l).dangerouslySetInnerHTML,p=d.dangerouslySetInnerHTML,!c){if(null!=u)for(h={},m=0;m<n.attributes.length;m++)h[n.attributes[m].name]=n.attributes[m].value;(p||a)&&(p&&(a&&p.__html==a.__html||p.__html===n.innerHTML)||(n.innerHTML=p&&p.__html||""))}if(function(e,n,_,t,o){var r;for(r in _)"children"===r||"key"===r||r in n||H(e,r,null,_[r],t);for(r in n)o&&"function"!=typeof n[r]||"children"===r||"key"===r||"value"===r||"checked"===r||_[r]===n[r]||H(e,r,n[r],_[r],t)}(n,d,h,r,c),p)_.__k=[];else if(m=_.props.children,k(n,Array.isArray(m)?m:[m],_,t,o,r&&"foreignObject"!==y,u,i,u?u[0]:t.__k&&v(t,0),c),null!=u)for(m=u.length;m--;)null!=u[m]&&f(u[m]);c||("value"in d&&void 0!==(m=d.value)&&(m!==n.value||"progress"===y&&!m)&&H(n,"value",m,h.value,!1),"checked"in d&&void 0!==(m=d.checked)&&m!==n.checked&&H(n,"checked",m,h.checked,!1))}return n}function T(e,_,t){try{"function"==typeof e?e(_):e.current=_}catch(e){n.__e(e,t)}}function U(e,_,t){var o,r;if(n.unmount&&n.unmount(e),(o=e.ref)&&(o.current&&o.current!==e.__e||T(o,null,_)),null!=(o=e.__c)){if(o.componentWillUnmount)try{o.componentWillUnmount()}catch(e){n.__e(e,_)}o.base=o.__P=null}if(o=e.__k)for(r=0;r<o.length;r++)o[r]&&U(o[r],_,"function"!=typeof e.type);t||null==e.__e||f(e.__e),e.__e=e.__d=void 0}function A(e,n,_){return this.constructor(e,_)}function M(_,t,o){var r,u,i;n.__&&n.__(_,t),u=(r="function"==typeof o)?null:o&&o.__k||t.__k,i=[],P(t,_=(!r&&o||t).__k=a(h,null,[_]),u||l,l,void 0!==t.ownerSVGElement,!r&&o?[o]:u?null:t.firstChild?e.call(t.childNodes):null,i,!r&&o?o:u?u.__e:t.firstChild,r),D(i,_)}function F(e,n){var _={__c:n="__cC"+u++,__:e,Consumer:function(e,n){return e.children(n)},Provider:function(e){var _,t;return this.getChildContext||(_=[],(t={})[n]=this,this.getChildContext=function(){return t},this.shouldComponentUpdate=function(e){this.props.value!==e.value&&_.some(m)},this.sub=function(e){_.push(e);var n=e.componentWillUnmount;e.componentWillUnmount=function(){_.splice(_.indexOf(e),1),n&&n.call(e)}}),e.children}};return _.Provider.__=_.Consumer.contextType=_}e=i.slice,n={__e:function(e,n){for(var _,t,o;n=n.__;)if((_=n.__c)&&!_.__)try{if((t=_.constructor)&&null!=t.getDerivedStateFromError&&(_.setState(t.getDerivedStateFromError(e)),o=_.__d),null!=_.componentDidCatch&&(_.componentDidCatch(e),o=_.__d),o)return _.__E=_}catch(n){e=n}throw e}},_=0,d.prototype.setState=function(e,n){var _;_=null!=this.__s&&this.__s!==this.state?this.__s:this.__s=s({},this.state),"function"==typeof e&&(e=e(s({},_),this.props)),e&&s(_,e),null!=e&&this.__v&&(n&&this.__h.push(n),m(this))},d.prototype.forceUpdate=function(e){this.__v&&(this.__e=!0,e&&this.__h.push(e),m(this))},d.prototype.render=h,t=[],o="function"==typeof Promise?Promise.prototype.then.bind(Promise.resolve()):setTimeout,g.__r=0,u=0;var L,N,W,R=0,I=[],O=n.__b,V=n.__r,q=n.diffed,B=n.__c,$=n.unmount;function j(e,_){n.__h&&n.__h(N,e,R||_),R=0;var t=N.__H||(N.__H={__:[],__h:[]});return e>=t.__.length&&t.__.push({}),t.__[e]}function G(e){return R=1,z(ie,e)}function z(e,n,_){var t=j(L++,2);return t.t=e,t.__c||(t.__=[_?_(n):ie(void 0,n),function(e){var n=t.t(t.__[0],e);t.__[0]!==n&&(t.__=[n,t.__[1]],t.__c.setState({}))}],t.__c=N),t.__}function J(e,_){var t=j(L++,3);!n.__s&&le(t.__H,_)&&(t.__=e,t.__H=_,N.__H.__h.push(t))}function K(e,_){var t=j(L++,4);!n.__s&&le(t.__H,_)&&(t.__=e,t.__H=_,N.__h.push(t))}function Q(e){return R=5,Y(function(){return{current:e}},[])}function X(e,n,_){R=6,K(function(){"function"==typeof e?e(n()):e&&(e.current=n())},null==_?_:_.concat(e))}function Y(e,n){var _=j(L++,7);return le(_.__H,n)&&(_.__=e(),_.__H=n,_.__h=e),_.__}function Z(e,n){return R=8,Y(function(){return e},n)}function ee(e){var n=N.context[e.__c],_=j(L++,9);return _.c=e,n?(null==_.__&&(_.__=!0,n.sub(N)),n.props.value):e.__}function ne(e,_){n.useDebugValue&&n.useDebugValue(_?_(e):e)}function _e(e){var n=j(L++,10),_=G();return n.__=e,N.componentDidCatch||(N.componentDidCatch=function(e){n.__&&n.__(e),_[1](e)}),[_[0],function(){_[1](void 0)}]}function te(){I.forEach(function(e){if(e.__P)try{e.__H.__h.forEach(re),e.__H.__h.forEach(ue),e.__H.__h=[]}catch(_){e.__H.__h=[],n.__e(_,e.__v)}}),I=[]}n.__b=function(e){N=null,O&&O(e)},n.__r=function(e){V&&V(e),L=0;var n=(N=e.__c).__H;n&&(n.__h.forEach(re),n.__h.forEach(ue),n.__h=[])},n.diffed=function(e){q&&q(e);var _=e.__c;_&&_.__H&&_.__H.__h.length&&(1!==I.push(_)&&W===n.requestAnimationFrame||((W=n.requestAnimationFrame)||function(e){var n,_=function(){clearTimeout(t),oe&&cancelAnimationFrame(n),setTimeout(e)},t=setTimeout(_,100);oe&&(n=requestAnimationFrame(_))})(te)),N=void 0},n.__c=function(e,_){_.some(function(e){try{e.__h.forEach(re),e.__h=e.__h.filter(function(e){return!e.__||ue(e)})}catch(t){_.some(function(e){e.__h&&(e.__h=[])}),_=[],n.__e(t,e.__v)}}),B&&B(e,_)},n.unmount=function(e){$&&$(e);var _=e.__c;if(_&&_.__H)try{_.__H.__.forEach(re)}catch(e){n.__e(e,_.__v)}};var oe="function"==typeof requestAnimationFrame;function re(e){var n=N;"function"==typeof e.__c&&e.__c(),N=n}function ue(e){var n=N;e.__c=e.__(),N=n}function le(e,n){return!e||e.length!==n.length||n.some(function(n,_){return n!==e[_]})}function ie(e,n){return"function"==typeof n?n(e):n}var ce=function(e,n,_,t){var o;n[0]=0;for(var r=1;r<n.length;r++){var u=n[r++],l=n[r]?(n[0]|=u?1:2,_[n[r++]]):n[++r];3===u?t[0]=l:4===u?t[1]=Object.assign(t[1]||{},l):5===u?(t[1]=t[1]||{})[n[++r]]=l:6===u?t[1][n[++r]]+=l+"":u?(o=e.apply(l,ce(e,l,_,["",null])),t.push(o),l[0]?n[0]|=2:(n[r-2]=0,n[r]=o)):t.push(l)}return t},se=new Map,fe=function(e){var n=se.get(this);return n||(n=new Map,se.set(this,n)),(n=ce(this,n.get(e)||(n.set(e,n=function(e){for(var n,_,t=1,o="",r="",u=[0],l=function(e){1===t&&(e||(o=o.replace(/^\s*\n\s*|\s*\n\s*$/g,"")))?u.push(0,e,o):3===t&&(e||o)?(u.push(3,e,o),t=2):2===t&&"..."===o&&e?u.push(4,e,0):2===t&&o&&!e?u.push(5,0,!0,o):t>=5&&((o||!e&&5===t)&&(u.push(t,0,o,_),t=6),e&&(u.push(t,e,0,_),t=6)),o=""},i=0;i<e.length;i++){i&&(1===t&&l(),l(i));for(var c=0;c<e[i].length;c++)n=e[i][c],1===t?"<"===n?(l(),u=[u],t=3):o+=n:4===t?"--"===o&&">"===n?(t=1,o=""):o=n+o[0]:r?n===r?r="":o+=n:'"'===n||"'"===n?r=n:">"===n?(l(),t=1):t&&("="===n?(t=5,_=o,o=""):"/"===n&&(t<5||">"===e[i][c+1])?(l(),3===t&&(u=u[0]),t=u,(u=u[0]).push(2,0,t),t=0):" "===n||"\t"===n||"\n"===n||"\r"===n?(l(),t=2):o+=n),3===t&&"!--"===o&&(t=4,u=u[0])}return l(),u}(e)),n),arguments,[])).length>1?n:n[0]}.bind(a);
return { html: fe, render: M, useEffect: J, useRef: Q };
})();

// --- follow.js
// Follows the engine's taps: from a unit back to the image or to an earlier layer's map, and from a place forward to
// the units that see it. It knows no layer types: a step holds, for each input and axis, the number of its taps, or
// null where each unit reads the unit at its place. Maps are numbered as in the engine: 0 is the image, i layer i.
//
// On the map, all axes are followed together, so that joins add in the plane: x + conv3x3(x) counts 2 in the centre
// and 1 around it. Counts are doubles: exact below 2^53. A box is the part of a map that holds everything but zeros.

/** The place of the map that a read meets, or -1 for the nothing around it. */
function placeOf(place, size, border) {
  if (place >= 0 && place < size) return place;
  if (border === "replicate") return place < 0 ? 0 : size - 1;
  if (border === "circular") return modulo(place, size);
  if (border === "reflect") {
    const turn = modulo(place, 2 * (size - 1) || 1);
    return Math.min(turn, 2 * (size - 1) - turn);
  }
  return -1;
}

function modulo(a, n) {
  return ((a % n) + n) % n;
}

/** [first place, how many, step] of what a unit reads, and the weights if they are not all one. */
function readsOf(taps, unit) {
  const period = taps.reads.length;
  const phase = modulo(unit, period);
  const [first, count, step] = taps.reads[phase];
  return [first + ((unit - phase) / period) * taps.advance, count, step, taps.weights ? taps.weights[phase] : null];
}

const laidOut = new WeakMap();

/** The reads of all units of a map that meet a place, worked out once: unit u has the entries from starts[u] to
 * starts[u + 1]. Where all units read the same places, the entries of unit 0 stand for all. */
function reads(taps, size, sizeIn) {
  if (!laidOut.has(taps)) laidOut.set(taps, new Map());
  const known = laidOut.get(taps);
  const key = `${size},${sizeIn}`;
  if (!known.has(key)) known.set(key, layOut(taps, taps.advance === 0 && taps.reads.length === 1 ? 1 : size, sizeIn));
  return known.get(key);
}

function layOut(taps, size, sizeIn) {
  const starts = new Int32Array(size + 1);
  const places = [];
  const weights = [];
  for (let unit = 0; unit < size; unit++) {
    const [first, count, step, numerators] = readsOf(taps, unit);
    for (let t = 0; t < count; t++) {
      const place = placeOf(first + t * step, sizeIn, taps.border);
      const weight = numerators ? numerators[t] : 1;
      if (place < 0 || weight === 0) continue;
      places.push(place);
      weights.push(weight);
    }
    starts[unit + 1] = places.length;
  }
  return { starts, places: Int32Array.from(places), weights: Float64Array.from(weights), alike: size === 1 };
}

/** The reads of units first to last that meet a place from low to high: lists of unit, place and weight. */
function links(taps, size, sizeIn, first, last, low, high) {
  const { starts, places, weights, alike } = reads(taps, size, sizeIn);
  const found = { units: [], places: [], weights: [] };
  for (let unit = first; unit <= last; unit++) {
    const own = alike ? 0 : unit;
    for (let e = starts[own]; e < starts[own + 1]; e++) {
      if (places[e] < low || places[e] > high) continue;
      found.units.push(unit);
      found.places.push(places[e]);
      found.weights.push(weights[e]);
    }
  }
  return found;
}

/** Adds along one axis: weight times the slab at from[i] goes to the slab at to[i]. */
function moveAlong(box, axis, from, to, weights) {
  if (!from.length) return null;
  let low = to[0];
  let high = to[0];
  for (const place of to) {
    if (place < low) low = place;
    if (place > high) high = place;
  }
  const inner = product(box.n.slice(axis + 1));
  const outer = product(box.n.slice(0, axis));
  const before = box.n[axis];
  const after = high - low + 1;
  const data = new Float64Array(outer * after * inner);
  const old = box.data;
  const start = box.lo[axis];
  for (let o = 0; o < outer; o++) {
    for (let e = 0; e < from.length; e++) {
      const weight = weights[e];
      let source = (o * before + from[e] - start) * inner;
      let target = (o * after + to[e] - low) * inner;
      for (const end = source + inner; source < end; source++, target++) data[target] += weight * old[source];
    }
  }
  return { lo: replaced(box.lo, axis, low), n: replaced(box.n, axis, after), data, scale: box.scale };
}

// An interpolation weighs by fractions. A box holds whole numerators over its `scale`, so that thirds that come to a
// whole again come to exactly that; counts are divided at the end, or where the scale gets large.
const MOST_SCALE = 2 ** 24;

/** A box over another scale, a multiple of its own. */
function scaled(box, scale) {
  if (box.scale === scale) return box;
  const factor = scale / box.scale;
  return { ...box, data: box.data.map((value) => value * factor), scale };
}

/** A box of the counts themselves. */
function settled(box) {
  return !box || box.scale === 1 ? box : { ...box, data: box.data.map((value) => value / box.scale), scale: 1 };
}

function leastCommonMultiple(a, b) {
  let [one, other] = [a, b];
  while (other) [one, other] = [other, one % other];
  return (a / one) * b;
}

function product(numbers) {
  return numbers.reduce((a, b) => a * b, 1);
}

function replaced(list, at, value) {
  const copy = list.slice();
  copy[at] = value;
  return copy;
}

function range(first, count) {
  return Array.from({ length: count }, (_, i) => first + i);
}

/** One axis of a box from a layer's units to the places of its input that they read. */
function backward(box, axis, taps, size, sizeIn) {
  const first = box.lo[axis];
  const last = first + box.n[axis] - 1;
  if (taps) {
    const found = links(taps, size, sizeIn, first, last, 0, sizeIn - 1);
    return moveAlong(box, axis, found.units, found.places, found.weights);
  }
  if (!(sizeIn === 1 && size > 1)) return box;
  const units = range(first, box.n[axis]);
  return moveAlong(box, axis, units, units.map(() => 0), units.map(() => 1));
}

/** One axis of a box from places of a layer's input to the units that read them. */
function forward(box, axis, taps, size, sizeIn) {
  const low = box.lo[axis];
  if (taps) {
    const found = links(taps, size, sizeIn, 0, size - 1, low, low + box.n[axis] - 1);
    return moveAlong(box, axis, found.places, found.units, found.weights);
  }
  if (!(sizeIn === 1 && size > 1)) return box;
  const units = range(0, size);
  return moveAlong(box, axis, units.map(() => 0), units, units.map(() => 1));
}

/** The sum of two boxes of one map; one may be missing. */
function sum(one, other) {
  if (!one || !other) return one || other;
  if (one.scale !== other.scale) {
    const scale = leastCommonMultiple(one.scale, other.scale);
    const fits = scale <= MOST_SCALE;
    return sum(fits ? scaled(one, scale) : settled(one), fits ? scaled(other, scale) : settled(other));
  }
  if (one.lo.every((low, a) => low === other.lo[a] && one.n[a] === other.n[a])) {
    return { ...one, data: one.data.map((value, i) => value + other.data[i]) };
  }
  const lo = one.lo.map((at, a) => Math.min(at, other.lo[a]));
  const n = lo.map((at, a) => Math.max(one.lo[a] + one.n[a], other.lo[a] + other.n[a]) - at);
  const data = new Float64Array(product(n));
  for (const box of [one, other]) {
    const width = box.n[box.n.length - 1];
    const rows = box.data.length / width;
    for (let row = 0; row < rows; row++) {
      let rest = row;
      let target = 0;
      let stride = n[n.length - 1];
      for (let a = n.length - 2; a >= 0; a--) {
        target += ((rest % box.n[a]) + box.lo[a] - lo[a]) * stride;
        rest = Math.floor(rest / box.n[a]);
        stride *= n[a];
      }
      target += box.lo[n.length - 1] - lo[n.length - 1];
      for (let i = 0; i < width; i++) data[target + i] += box.data[row * width + i];
    }
  }
  return { lo, n, data, scale: one.scale };
}

function one(place) {
  return { lo: place.slice(), n: place.map(() => 1), data: Float64Array.of(1), scale: 1 };
}

/** A box through a step to (or from) its input number k, along all axes. */
function through(net, index, k, box, move) {
  const step = net.steps[index - 1];
  const sizes = net.sizes[index];
  const sizesIn = net.sizes[step.inputs[k]];
  for (let axis = sizes.length - 1; axis >= 0 && box; axis--) {
    const taps = step.reads[k][axis] === null ? null : net.taps[step.reads[k][axis]];
    box = move(box, axis, taps, sizes[axis], sizesIn[axis]);
    if (box && taps && taps.scale) box = { ...box, scale: box.scale * taps.scale };
    if (box && box.scale > MOST_SCALE) box = settled(box);
  }
  return box;
}

/** How many paths lead from each place of the map `source` to a unit of a layer: a box, or null where none does. */
function paths(net, layer, unit, source = 0) {
  const maps = new Map([[layer, one(unit)]]);
  for (let index = layer; index > source; index--) {
    const box = maps.get(index);
    maps.delete(index);
    if (!box) continue;
    net.steps[index - 1].inputs.forEach((input, k) => {
      if (input < source) return;
      const back = through(net, index, k, box, backward);
      if (back) maps.set(input, sum(maps.get(input), back));
    });
  }
  return settled(maps.get(source) || null);
}

/** How many paths lead from a place of the map `source` to each unit of a layer: a box, or null where none does. */
function watchers(net, layer, place, source = 0) {
  const needed = ancestors(net, layer, source);
  const maps = new Map([[source, one(place)]]);
  for (let index = source + 1; index <= layer; index++) {
    if (!needed.has(index)) continue;
    net.steps[index - 1].inputs.forEach((input, k) => {
      const box = maps.get(input);
      const on = box && through(net, index, k, box, forward);
      if (on) maps.set(index, sum(maps.get(index), on));
    });
  }
  return settled(maps.get(layer) || null);
}

/** A layer and the maps between it and the source that it depends on. */
function ancestors(net, layer, source = 0) {
  const found = new Set([layer]);
  for (let index = layer; index > source; index--) {
    if (found.has(index)) net.steps[index - 1].inputs.forEach((input) => input >= source && found.add(input));
  }
  return found;
}

/** Whether the field of a layer on a map is known: whether every step between them says what it reads. */
function isKnown(net, layer, source = 0) {
  return [...ancestors(net, layer, source)].every((index) => index === source || net.steps[index - 1].reads !== null);
}

// --- where a unit looks, were there no borders: one axis at a time, as the engine's fields are ------------------------

/** First and last place of the map `source` that a unit sees along one axis, maps going on without end; null: none.
 * Sets of units are sorted lists of [first, last], apart from each other. */
function span(net, layer, unit, axis, source = 0) {
  const maps = new Map([[layer, [[unit, unit]]]]);
  for (let index = layer; index > source; index--) {
    const units = maps.get(index);
    maps.delete(index);
    if (!units) continue;
    const step = net.steps[index - 1];
    step.inputs.forEach((input, k) => {
      if (input < source) return;
      const taps = step.reads[k][axis];
      const shared = net.sizes[input][axis] === 1 && net.sizes[index][axis] > 1;
      const seen = taps !== null ? readBy(net.taps[taps], units) : shared ? [[0, 0]] : units;
      if (seen.length) maps.set(input, maps.has(input) ? merged([...maps.get(input), ...seen]) : seen);
    });
  }
  const seen = maps.get(source);
  return seen ? [seen[0][0], seen[seen.length - 1][1]] : null;
}

/** What a set of units reads. */
function readBy(taps, units) {
  const alike = taps.reads.length === 1;
  const [first, count, step] = taps.reads[0];
  if (alike && count && (taps.advance === 0 || (step === 1 && taps.advance <= count))) {
    if (taps.advance === 0) return merged(placesOf(first, count, step));
    return merged(units.map(([a, b]) => [a * taps.advance + first, b * taps.advance + first + count - 1]));
  }
  const found = [];
  for (const [a, b] of units) for (let unit = a; unit <= b; unit++) found.push(...placesOf(...readsOf(taps, unit)));
  return merged(found);
}

function placesOf(first, count, step) {
  if (!count) return [];
  if (step === 1) return [[first, first + count - 1]];
  return Array.from({ length: count }, (_, t) => [first + t * step, first + t * step]);
}

/** Intervals in order, those that overlap or touch as one. */
function merged(intervals) {
  intervals.sort((one, other) => one[0] - other[0]);
  const found = [];
  for (const [first, last] of intervals) {
    const before = found[found.length - 1];
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else found.push([first, last]);
  }
  return found;
}

// --- what is said of a unit -------------------------------------------------------------------------------------------

/** Everything about one unit: its rectangle (beyond the map too), the same clipped to the map, the counts there, how
 * many places of the clipped rectangle are read, and of how many. Null along all axes where it sees nothing. */
function view(net, layer, unit, source = 0) {
  const sizes = net.sizes[source];
  const found = { layer, unit, source, known: isKnown(net, layer, source), spans: null, inside: null, counts: null };
  if (!found.known) return found;
  const spans = sizes.map((_, axis) => span(net, layer, unit[axis], axis, source));
  if (spans.some((each) => each === null)) return found;
  const inside = spans.map(([first, last], a) => [Math.max(first, 0), Math.min(last, sizes[a] - 1)]);
  found.spans = spans;
  if (inside.some(([first, last]) => first > last)) return found;
  found.inside = inside;
  found.of = product(inside.map(([first, last]) => last - first + 1));
  found.counts = paths(net, layer, unit, source);
  found.read = found.counts ? countOf(found.counts) : 0;
  return found;
}

/** How many places of a box are not zero. */
function countOf(box) {
  let count = 0;
  for (const value of box.data) if (value !== 0) count++;
  return count;
}

/** First and last place along each axis of a box that are not zero. */
function boundsOf(box) {
  const low = box.n.map(() => Infinity);
  const high = box.n.map(() => -Infinity);
  for (let i = 0; i < box.data.length; i++) {
    if (box.data[i] === 0) continue;
    let rest = i;
    for (let a = box.n.length - 1; a >= 0; a--) {
      const at = box.lo[a] + (rest % box.n[a]);
      rest = Math.floor(rest / box.n[a]);
      if (at < low[a]) low[a] = at;
      if (at > high[a]) high[a] = at;
    }
  }
  return low.map((first, a) => [first, high[a]]);
}

/** The value of a box at a place of its map. */
function at(box, place) {
  let index = 0;
  for (let a = 0; a < place.length; a++) {
    const i = place[a] - box.lo[a];
    if (i < 0 || i >= box.n[a]) return 0;
    index = index * box.n[a] + i;
  }
  return box.data[index];
}

// --- words.js
// What the page says, as text: figures as the command line prints them, and the sentence on one unit.

const AXES = { 1: ["columns"], 2: ["rows", "columns"], 3: ["planes", "rows", "columns"] };

/** 1,234,567; – for what is unknown. */
function number(value) {
  if (value === null || value === undefined) return "–";
  return Number.isInteger(value) ? String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",") : String(value);
}

/** A count of paths; a large one in powers of ten. */
function count(value) {
  if (!Number.isFinite(value)) return "more than 1e308";
  if (Number.isInteger(value) && value < 1e7) return number(value);
  return value >= 1e7 || value < 1e-3 ? value.toExponential(3).replace("e+", "e") : String(Number(value.toPrecision(6)));
}

function times(numbers) {
  return numbers.join("\u00d7");
}

/** "C6 unit 3,4": a layer's unit, by the names of all maps. */
function unitName(names, found) {
  return `${names[found.layer]} unit ${found.unit.join(",")}`;
}

function spansText(sizes, spans) {
  return spans.map(([first, last], a) => `${AXES[sizes.length][a]} ${first}-${last}`).join(", ");
}

/** What a unit sees, clipped to the image: "C6 unit 3,4: rows 3-25, columns 7-29, 529 of 529 pixels read". */
function readout(net, names, found) {
  const head = unitName(names, found);
  const sizes = net.sizes[found.source];
  const places = found.source ? "units" : "pixels";
  if (!found.known) return `${head}: its field is unknown`;
  if (!found.spans) return `${head}: sees nothing of ${found.source ? names[found.source] : "the image"}`;
  const where = found.source ? ` of ${names[found.source]}` : "";
  if (!found.inside) return `${head}: sees only what lies outside${where || " the image"}`;
  const counted = readInside(found);
  const more = found.read - counted;
  const copies = more ? `, ${more} more by copies behind the border` : "";
  return `${head}: ${spansText(sizes, found.inside)}${where}, ${counted} of ${found.of} ${places} read${copies}`;
}

/** How many places of the clipped rectangle are read; a border that wraps or mirrors reads others as well. */
function readInside(found) {
  const box = found.counts;
  if (!box) return 0;
  const within = box.lo.every((lo, a) => lo >= found.inside[a][0] && lo + box.n[a] - 1 <= found.inside[a][1]);
  if (within) return found.read;
  let read = 0;
  for (let i = 0; i < box.data.length; i++) {
    if (box.data[i] === 0) continue;
    let rest = i;
    let inside = true;
    for (let a = box.n.length - 1; a >= 0; a--) {
      const place = box.lo[a] + (rest % box.n[a]);
      rest = Math.floor(rest / box.n[a]);
      inside = inside && place >= found.inside[a][0] && place <= found.inside[a][1];
    }
    if (inside) read++;
  }
  return read;
}

/** The rectangle in full, and how much of it lies outside the map. */
function wholeField(net, found) {
  if (!found.spans) return "";
  const size = found.spans.map(([first, last]) => last - first + 1);
  const all = size.reduce((a, b) => a * b, 1);
  const outside = all - (found.inside ? found.of : 0);
  const share = outside ? `, ${Math.round((100 * outside) / all)} % of it outside` : "";
  return `field ${times(size)}${share}`;
}

// --- plane.js
// The image plane: the image or an earlier layer's map, and on it what units see. Everything is drawn in places of that
// map; the heat lies in a canvas below the lines. One function builds the lines for the page and for the exported file.

const SVG = "http://www.w3.org/2000/svg";
const STRIP = 1 / 14; // a map of one axis is drawn as a strip, this much of its length high
const ROOM = 0.5; // of the map's size is shown around it, at most
const DASHES = ["", "5 2", "1.5 2", "6 2 1.5 2", "9 3", "4 1.5 1.5 1.5"]; // as in the plots

/** Rows and columns of a map as they are drawn. */
function flatSizes(sizes) {
  return sizes.length > 1 ? sizes.slice(-2) : [Math.max(1, sizes[0] * STRIP), sizes[0]];
}

/** A span on the two drawn axes: [[top, bottom], [left, right]], the last places included. */
function flatSpans(spans, sizes) {
  return spans.length > 1 ? spans.slice(-2) : [[0, flatSizes(sizes)[0] - 1], spans[0]];
}

/** The part that is shown, the same for all units of a layer: the map, and around it as far as they look, in bounds. */
function frameOf(net, layer, source) {
  const sizes = net.sizes[source];
  const [height, width] = flatSizes(sizes);
  const most = Math.max(height, width);
  const sides = sizes.map((_, axis) => {
    const ends = [0, net.sizes[layer][axis] - 1].map((unit) => span(net, layer, unit, axis, source)).filter(Boolean);
    return [Math.min(0, ...ends.map((s) => s[0])), Math.max(sizes[axis] - 1, ...ends.map((s) => s[1]))];
  });
  const [rows, columns] = flatSpans(sides, sizes);
  const edge = most * 0.03;
  const top = Math.max(rows[0], -most * ROOM) - edge;
  const left = Math.max(columns[0], -most * ROOM) - edge;
  const bottom = Math.min(rows[1] + 1, height + most * ROOM) + edge;
  const right = Math.min(columns[1] + 1, width + most * ROOM) + edge;
  return { top, left, width: right - left, height: bottom - top };
}

function element(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The colours in use, read from the page's variables. */
function colours() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(`--${name}`).trim();
  const series = [0, 1, 2, 3, 4, 5].map((i) => get(`series-${i}`));
  return { paper: get("paper"), ink: get("ink"), muted: get("muted"), rule: get("rule"), frame: get("frame"), accent: get("accent"), series };
}

/** The map itself: its surface, the user's image, a grid of its places. */
function backdrop(sizes, frame, look, ownImage) {
  const [height, width] = flatSizes(sizes);
  const step = Math.max(height, width) <= 64 ? 1 : Math.max(height, width) <= 512 ? 8 : 64;
  const thin = Math.max(frame.width, frame.height) / 1200;
  const lines = [];
  for (let x = 0; x <= width; x += step) lines.push(`M${x},0V${height}`);
  if (sizes.length > 1) for (let y = 0; y <= height; y += step) lines.push(`M0,${y}H${width}`);
  const parts = [element("rect", { x: 0, y: 0, width, height, fill: look.frame })];
  const image = { href: ownImage, x: 0, y: 0, width, height, preserveAspectRatio: "none" };
  if (ownImage) parts.push(element("image", image));
  else parts.push(element("path", { d: lines.join(""), stroke: look.rule, "stroke-width": thin, fill: "none" }));
  return parts;
}

/** The outline of one unit's field, hatched where it lies outside the map. */
function outline(found, sizes, frame, look, n, pattern) {
  const [height, width] = flatSizes(sizes);
  const [rows, columns] = flatSpans(found.spans, sizes);
  const unit = Math.max(frame.width, frame.height) / 420;
  const [x, y] = [columns[0], rows[0]];
  const [w, h] = [columns[1] + 1 - x, rows[1] + 1 - y];
  const outer = `M${x},${y}h${w}v${h}h${-w}z`;
  const [x0, y0] = [Math.min(Math.max(0, x), x + w), Math.min(Math.max(0, y), y + h)];
  const [x1, y1] = [Math.max(Math.min(width, x + w), x0), Math.max(Math.min(height, y + h), y0)];
  const hole = found.inside ? `M${x0},${y0}V${y1}H${x1}V${y0}z` : "";
  const colour = look.series[n % look.series.length];
  const dash = DASHES[n % DASHES.length].split(" ").filter(Boolean).map((d) => d * unit).join(" ");
  const line = { d: outer, fill: "none", "stroke-linejoin": "miter" };
  return [
    element("path", { d: outer + hole, fill: `url(#${pattern})`, "fill-rule": "evenodd" }),
    element("path", { ...line, stroke: look.paper, "stroke-width": 4 * unit, "stroke-opacity": 0.8 }),
    element("path", { ...line, stroke: colour, "stroke-width": 1.8 * unit, "stroke-dasharray": dash }),
  ];
}

function hatch(id, colour, unit) {
  const size = 5 * unit;
  const lines = element("path", { d: `M0,${size}L${size},0`, stroke: colour, "stroke-width": 0.9 * unit });
  return element("pattern", { id, width: size, height: size, patternUnits: "userSpaceOnUse" }, lines);
}

/** All lines over the heat: the map's border, the pinned fields, the current one, and the chosen place. */
function overlay(sizes, frame, look, fields, pixel) {
  const [height, width] = flatSizes(sizes);
  const unit = Math.max(frame.width, frame.height) / 420;
  const shown = fields.filter(({ found }) => found.spans);
  const patterns = shown.map(({ n }) => hatch(`hatch-${n}`, look.series[n % look.series.length], unit));
  const border = { x: 0, y: 0, width, height, fill: "none", stroke: look.ink, "stroke-width": unit };
  const parts = [element("defs", {}, ...patterns), element("rect", border)];
  for (const { found, n } of shown) parts.push(...outline(found, sizes, frame, look, n, `hatch-${n}`));
  if (pixel) parts.push(...marker(pixel, sizes, unit, look));
  return parts;
}

function marker(pixel, sizes, unit, look) {
  const [y, x] = pixel.length > 1 ? pixel.slice(-2) : [0, pixel[0]];
  const tall = pixel.length > 1 ? 1 : flatSizes(sizes)[0];
  const centre = { cx: x + 0.5, cy: y + tall / 2, r: Math.max(7 * unit, 0.9), fill: "none" };
  const cell = { x, y, width: 1, height: tall, fill: look.ink };
  return [
    element("rect", cell),
    element("circle", { ...centre, stroke: look.paper, "stroke-width": 4 * unit }),
    element("circle", { ...centre, stroke: look.ink, "stroke-width": 1.8 * unit }),
  ];
}

/** Paints the heat of a unit and puts the canvas where it belongs; returns what is shown, null where nothing is. */
function heat(canvas, found, sizes, frame, kind, look, n, plane) {
  canvas.hidden = kind === "none" || !found.counts || !found.inside;
  if (canvas.hidden) return null;
  const most = largest(found.counts);
  const shown = shownOf(found, plane);
  paint(canvas, shown, most, kind, rgb(look.series[n % look.series.length]), rgb(look.muted));
  const tall = sizes.length > 1 ? shown.rows : flatSizes(sizes)[0];
  const box = { x: shown.left, y: shown.top, width: shown.columns, height: tall };
  canvas.style.left = `${(100 * (box.x - frame.left)) / frame.width}%`;
  canvas.style.top = `${(100 * (box.y - frame.top)) / frame.height}%`;
  canvas.style.width = `${(100 * box.width) / frame.width}%`;
  canvas.style.height = `${(100 * box.height) / frame.height}%`;
  return { ...box, most };
}

/** The place of the map under the pointer, or null beside it. */
function placeAt(frame, sizes, shareX, shareY, plane) {
  const [height, width] = flatSizes(sizes);
  const x = Math.floor(frame.left + shareX * frame.width);
  const y = frame.top + shareY * frame.height;
  if (x < 0 || x >= width || y < 0 || y >= height) return null;
  if (sizes.length === 1) return [x];
  return sizes.length === 2 ? [Math.floor(y), x] : [plane, Math.floor(y), x];
}

// --- unitmap.js
// The map of the chosen layer: a cell for each unit. What sees the chosen pixel is tinted, pins have their colours.

const PIXELS = 190; // the longer side, at most
const STRIP_PIXELS = 24; // the height of a map of one axis
const GRID = 5; // cells of fewer pixels have no lines between them

/** Size on the page of a map, and of its cells. */
function measure(sizes) {
  const rows = sizes.length > 1 ? sizes[sizes.length - 2] : 1;
  const columns = sizes[sizes.length - 1];
  const cell = Math.min(PIXELS / Math.max(rows, columns), 40);
  const tall = sizes.length > 1 ? cell : Math.max(cell, STRIP_PIXELS);
  return { rows, columns, cell, tall, width: columns * cell, height: rows * tall };
}

/** The unit at a place of the canvas, as shares of its width and height; places beyond it meet the edge. */
function unitAt(sizes, shareX, shareY, plane) {
  const { rows, columns } = measure(sizes);
  const column = Math.min(columns - 1, Math.max(0, Math.floor(shareX * columns)));
  const row = Math.min(rows - 1, Math.max(0, Math.floor(shareY * rows)));
  return sizes.length === 1 ? [column] : sizes.length === 2 ? [row, column] : [plane, row, column];
}

/** Draws the map. `marks` are pins of this layer: their unit and number; `seen` the box of units that see the pixel. */
function drawMap(canvas, sizes, look, unit, marks, seen) {
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

// --- panel.js
// The panel beside the drawing: what can be chosen, the map of the layer, the plane, and the pins.

const HEAT_WORDS = { paths: "path counts", reads: "pixels read", none: "outline only" };

function Choice({ id, label, value, options, onPick }) {
  const pick = (event) => onPick(Number(event.target.value));
  return html`<label for=${id}>${label}
    <select id=${id} value=${value} onChange=${pick}>
      ${options.map(([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`)}
    </select>
  </label>`;
}

function Controls({ nets, state, act }) {
  const net = nets[state.net];
  const layers = net.names.map((name, i) => [i, name]);
  const earlier = layers.slice(0, state.layer).map(([i, name]) => [i, i ? name : "the image"]);
  return html`<div class="controls">
    ${nets.length > 1 && html`<${Choice} id="net" label="network" value=${state.net}
      options=${nets.map((each, i) => [i, each.title])} onPick=${act.network} />`}
    <${Choice} id="layer" label="layer" value=${state.layer} options=${layers.slice(1)} onPick=${act.layer} />
    <${Choice} id="from" label="seen on" value=${state.from < state.layer ? state.from : 0} options=${earlier}
      onPick=${act.from} />
    <fieldset>
      <legend>show</legend>
      ${HEATS.map((kind) => html`<label key=${kind}>
        <input type="radio" name="heat" value=${kind} checked=${state.heat === kind} onChange=${() => act.heat(kind)} />
        ${HEAT_WORDS[kind]}
      </label>`)}
    </fieldset>
  </div>`;
}

function Planes({ net, state, scene, act }) {
  if (scene.sizes.length < 3) return null;
  const sizes = net.sizes[state.layer];
  const slide = (id, label, value, size, onInput) => html`<label for=${id}>${label} ${value} of ${size}
    <input id=${id} type="range" min="0" max=${size - 1} value=${value}
      onInput=${(event) => onInput(Number(event.target.value))} />
  </label>`;
  return html`<div class="controls">
    ${slide("unitplane", "plane of the unit", state.unit[0], sizes[0], act.unitPlane)}
    ${slide("plane", "plane shown", scene.plane, scene.sizes[0], act.plane)}
  </div>`;
}

function Pins({ nets, scene, state, look, act }) {
  if (!state.pins.length) {
    return html`<p class="note">Click a unit to pin it, as many as you like; click a pixel to see which units see it.</p>`;
  }
  const shown = new Map(scene.pins.map((each) => [each.n, each.found]));
  const row = (pin, n) => {
    const found = shown.get(n);
    const name = unitName(nets[pin.net].names, { layer: pin.layer, unit: pin.unit });
    const title = nets.length > 1 ? `${nets[pin.net].title}: ${name}` : name;
    const at = found && found.inside ? found.inside.map(([a, b]) => `${a}-${b}`) : [];
    const sides = at.slice().reverse();
    return html`<tr key=${`${pin.net}/${pin.layer}/${pin.unit}`}>
      <th scope="row"><svg class="swatch" width="12" height="12" aria-hidden="true">
        <rect width="12" height="12" rx="2" fill=${look.series[n % look.series.length]} /></svg>
        <button type="button" class="pick" onClick=${() => act.choosePin(pin)}>${title}</button></th>
      <td>${sides[1] || "–"}</td><td>${sides[0] || "–"}</td>
      <td>${found && found.spans ? times(found.spans.map(([a, b]) => b - a + 1)) : "–"}</td>
      <td>${found && found.inside ? `${number(readInside(found))} of ${number(found.of)}` : "–"}</td>
      <td><button type="button" aria-label=${`unpin ${title}`} onClick=${() => act.unpin(pin)}>×</button></td>
    </tr>`;
  };
  return html`<table class="pins">
    <caption>Pinned</caption>
    <thead><tr><th scope="col">unit</th><th scope="col">rows</th><th scope="col">columns</th><th scope="col">field</th>
      <th scope="col">read</th><th><button type="button" onClick=${act.unpinAll}>clear</button></th></tr></thead>
    <tbody>${state.pins.map(row)}</tbody>
  </table>`;
}

/** The colour bar of the counts, and what grey and hatching mean. */
function legendText(scene, drawn) {
  const found = scene.found;
  if (!drawn || !found.counts) return null;
  const least = count(smallest(found.counts));
  return { kind: drawn.kind, least, most: count(drawn.shown ? drawn.shown.most : 0) };
}

function Legend({ scene, drawn }) {
  const said = legendText(scene, drawn);
  if (!said) return null;
  const holes = readInside(scene.found) < scene.found.of;
  const outside = scene.found.spans.some(([a, b], i) => a < scene.found.inside[i][0] || b > scene.found.inside[i][1]);
  return html`<p class="legend">
    ${said.kind === "paths" && html`<span>paths ${said.least} <svg class="ramp" width="96" height="10" aria-hidden="true">
      <rect width="96" height="10" fill="url(#viridis)" /></svg> ${said.most}</span>`}
    ${said.kind === "reads" && html`<span>tinted: read</span>`}
    ${holes && html`<span>grey: not read</span>`}
    ${outside && html`<span>hatched: outside</span>`}
  </p>`;
}

/** The whole panel. `elements` is filled with what the scene draws into. */
function Panel({ nets, state, scene, look, act, elements, begin }) {
  const refs = { plane: useRef(), back: useRef(), front: useRef(), canvas: useRef(), map: useRef() };
  useEffect(() => {
    for (const [name, ref] of Object.entries(refs)) elements[name] = ref.current;
    begin();
  }, []);
  const net = nets[state.net];
  const name = net.names[state.layer];
  const sizes = net.sizes[state.layer];
  return html`<${Controls} nets=${nets} state=${state} act=${act} />
    <${Planes} net=${net} state=${state} scene=${scene} act=${act} />
    <div class="look">
      <figure class="mapped">
        <canvas id="map" ref=${refs.map} tabindex="0" role="application"
          aria-label=${`the units of ${name}, ${times(sizes)}: arrow keys move, Enter pins`}></canvas>
        <figcaption>units of ${name}: ${times(sizes)}</figcaption>
      </figure>
      <figure class="planed">
        <div class="plane" id="plane" ref=${refs.plane} tabindex="0" role="application"
          aria-label="what the unit sees; arrow keys choose a pixel, Escape leaves it">
          <svg ref=${refs.back} aria-hidden="true"></svg>
          <canvas ref=${refs.canvas} aria-hidden="true"></canvas>
          <svg ref=${refs.front} aria-hidden="true"></svg>
        </div>
        <div id="legend"></div>
        <p id="pixel" aria-live="polite"></p>
      </figure>
    </div>
    <${Pins} nets=${nets} scene=${scene} state=${state} look=${look} act=${act} />
    <details class="sums" open=${state.sums}><summary>Arithmetic of ${name}</summary>
      <pre>${net.sums[state.layer - 1]}</pre></details>`;
}

function Tools({ net, act, said }) {
  const file = useRef();
  const pick = (event) => act.ownImage(event.target.files[0]);
  return html`<button type="button" onClick=${act.exportSvg}>Export SVG</button>
    ${net.yaml !== null && html`<button type="button" onClick=${act.copyYaml}>Copy YAML</button>`}
    <button type="button" onClick=${act.copyMarkdown}>Copy Markdown</button>
    <button type="button" onClick=${() => file.current.click()}>Your image</button>
    <input ref=${file} id="own-image" type="file" accept="image/*" class="hidden" tabindex="-1" aria-label="your own image"
      onChange=${pick} />
    <button type="button" onClick=${act.noImage} hidden=${!act.hasImage()}>No image</button>
    <button type="button" onClick=${() => window.print()}>Print</button>
    <details class="keys"><summary>Keys</summary><dl>
      <dt>j, k</dt><dd>next and last layer</dd>
      <dt>arrows</dt><dd>on the map another unit, on the plane another pixel, on the graph another box</dd>
      <dt>Enter, p</dt><dd>pin the unit, or unpin it</dd>
      <dt>Escape</dt><dd>leave the pixel, then the pins</dd>
    </dl></details>
    <span role="status" class="told">${said}</span>`;
}

// --- output.js
// What leaves the page, by hand only: the current view as an SVG file, text for the clipboard.

const WIDTH = 640;
const LINE = 18;

/** The plane as it is seen, with its sentences below, as the text of an SVG file. */
function svgText(scene, drawn, canvas, ownImage, state, sentences) {
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

function save(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Puts text on the clipboard; resolves to whether it is there. */
async function copy(text) {
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
function imageOf(file) {
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

// --- scene.js
// What is drawn of the current state: the unit's view on the plane, the map of its layer, the sentence on it. It runs
// on every move of the pointer, so it touches the few elements that change, and remembers what does not.

const views = new Map();
const MOST_VIEWS = 64;

/** A unit's view, kept: pins are drawn again with every move. */
function viewOf(nets, unit, source) {
  const key = `${unit.net}/${unit.layer}/${unit.unit}/${source}`;
  if (!views.has(key)) {
    if (views.size >= MOST_VIEWS) views.delete(views.keys().next().value);
    views.set(key, view(nets[unit.net], unit.layer, unit.unit, source));
  }
  return views.get(key);
}

const frames = new Map();

/** Forgets all units: the networks are others now. */
function forget() {
  views.clear();
  frames.clear();
}

function frameFor(nets, unit, source) {
  const key = `${unit.net}/${unit.layer}/${source}`;
  if (!frames.has(key)) {
    const net = nets[unit.net];
    const known = isKnown(net, unit.layer, source);
    frames.set(key, known ? frameOf(net, unit.layer, source) : frameOf(net, source, source));
  }
  return frames.get(key);
}

/** The map on which fields are shown: the chosen earlier layer's where it comes before the unit's layer. */
function sourceOf(state, unit) {
  return unit.net === state.net && state.from < unit.layer ? state.from : 0;
}

/** The plane of three axes that is shown: the chosen one, or the middle of what the unit sees. */
function planeShown(state, sizes, found) {
  if (sizes.length < 3) return 0;
  if (state.plane !== null && state.plane < sizes[0]) return state.plane;
  return found.inside ? (found.inside[0][0] + found.inside[0][1]) >> 1 : sizes[0] >> 1;
}

/** Everything that is seen of a state and of what the pointer is over. */
function sceneOf(nets, state, hover) {
  const current = hover || { net: state.net, layer: state.layer, unit: state.unit };
  const source = sourceOf(state, current);
  const sizes = nets[current.net].sizes[source];
  const found = viewOf(nets, current, source);
  const alike = (pin) => pin.net === current.net || (!source && nets[pin.net].sizes[0].join() === sizes.join());
  const pins = state.pins
    .map((pin, n) => ({ pin, n }))
    .filter(({ pin }) => alike(pin) && pin.layer > source)
    .map(({ pin, n }) => ({ pin, n, found: viewOf(nets, pin, source) }));
  const own = pins.find(({ pin }) => samePin(pin, current));
  const n = own ? own.n : state.pins.length;
  const fields = own ? [...pins.filter((each) => each !== own), own] : [...pins, { found, n }];
  return { current, source, sizes, found, pins, fields, n, plane: planeShown(state, sizes, found) };
}

/** The units that see the chosen place: their box, and the sentence on it; null where no place is chosen. */
function seeing(nets, state, scene) {
  const { current, source } = scene;
  if (!state.pixel || state.pixel.length !== scene.sizes.length) return null;
  const net = nets[current.net];
  const what = `${source ? `unit ${state.pixel} of ${net.names[source]}` : `pixel ${state.pixel}`}`;
  if (!isKnown(net, current.layer, source)) return { box: null, text: `${what}: unknown which units see it` };
  const box = watchers(net, current.layer, state.pixel, source);
  const all = net.sizes[current.layer].reduce((a, b) => a * b, 1);
  if (!box) return { box, text: `${what} is seen by no unit of ${net.names[current.layer]}` };
  const sides = boundsOf(box).map(([first, last], a) => `${AXES[box.n.length][a]} ${first}-${last}`).join(", ");
  const paths = net.counted[current.layer] ? at(box, current.unit) : null;
  const from = paths === null ? "" : `; ${count(paths)} ${paths === 1 ? "path" : "paths"} to unit ${current.unit}`;
  return { box, text: `${what} is seen by ${countOf(box)} of ${all} units of ${net.names[current.layer]}: ${sides}${from}` };
}

/** Draws a scene into its elements. */
function draw(nets, state, scene, elements, ownImage) {
  const look = colours();
  const { current, source, sizes, found } = scene;
  const frame = frameFor(nets, current, source);
  const { plane, back, front, canvas, map } = elements;
  const key = [sizes, frame.left, frame.top, frame.width, frame.height, ownImage, look.paper].join();
  if (back.dataset.key !== key) {
    back.dataset.key = key;
    plane.style.aspectRatio = `${frame.width} / ${frame.height}`;
    plane.style.setProperty("--ratio", frame.width / frame.height);
    for (const svg of [back, front]) svg.setAttribute("viewBox", `${frame.left} ${frame.top} ${frame.width} ${frame.height}`);
    back.replaceChildren(...backdrop(sizes, frame, look, ownImage));
    // enlarged, a place is a square; reduced, places are averaged
    canvas.style.imageRendering = plane.clientWidth >= frame.width ? "pixelated" : "auto";
  }
  const kind = state.heat === "paths" && !nets[current.net].counted[current.layer] ? "reads" : state.heat;
  const shown = heat(canvas, found, sizes, frame, kind, look, scene.n, scene.plane);
  const pixel = state.pixel && state.pixel.length === sizes.length ? state.pixel : null;
  front.replaceChildren(...overlay(sizes, frame, look, scene.fields, pixel));
  const seen = seeing(nets, state, scene);
  const marks = scene.pins.filter(({ pin }) => pin.net === current.net && pin.layer === current.layer);
  const chosen = marks.map(({ pin, n }) => ({ unit: pin.unit, n }));
  drawMap(map, nets[current.net].sizes[current.layer], look, current.unit, chosen, seen && seen.box);
  return { frame, shown, kind, seen, look };
}

/** The sentence on the current unit, and what is said beside it. */
function saidOf(nets, scene) {
  const net = nets[scene.current.net];
  const status = net.status[scene.current.layer];
  const doubt = /^(upper bound|unknown)/.test(status) ? ` ${status.replace(/^unknown /, "").replace(/^upper.*/, "($&)")}` : "";
  return [readout(net, net.names, scene.found) + doubt, wholeField(net, scene.found)];
}

// --- app.js
// The page comes with its drawing and tables; this makes them answer. State changes redraw the panel (preact); moves of
// the pointer only redraw the scene, once a frame.

const TOLD = 2500; // milliseconds that a message stays

let nets = [];
let state = null;
let wished = ""; // what was chosen, as a fragment: it comes back with the layers that it names
let hover = null;
let ownImage = null;
let scene = null;
let drawn = null;
let told = "";
let waiting = false;
const elements = {};

// --- state and drawing ------------------------------------------------------------------------------------------------

function set(changes) {
  put(changes);
  wished = fragment(nets, state);
}

function put(changes) {
  state = { ...state, ...changes };
  hover = null;
  scene = sceneOf(nets, state, null);
  renderAll();
  redraw();
  mark();
  write();
}

function renderAll() {
  const look = colours();
  const panel = html`<${Panel} nets=${nets} state=${state} scene=${scene} look=${look} act=${act} elements=${elements}
    begin=${begin} />`;
  render(panel, document.getElementById("view"));
  renderTools();
}

function netsOf(data) {
  return data.explore.map((each, i) => {
    const { name, layers } = data.networks[i];
    const counted = [true, ...each.steps.map((step) => step.counted)];
    const status = ["exact", ...layers.map((layer) => layer.status)];
    return { ...each, title: name, names: ["input", ...layers.map((layer) => layer.name)], counted, status };
  });
}

/** Follows these networks from now on: the page's data, whose drawings and tables stand in it. */
function show(data) {
  const first = nets.length === 0;
  nets = netsOf(data);
  forget();
  state = initial(nets);
  if (first) furnish();
  for (const graph of document.querySelectorAll("svg.chart, svg.graph")) graph.classList.add("live");
  put(parsed(nets, first ? location.hash : wished, state));
  if (first) wished = fragment(nets, state);
}

/** What stays as it is: the boxes to tick, the colours of counts. */
function furnish() {
  ramp();
  toggle("rowtools", "folded", "hide layers that change nothing");
  toggle("fits", "fit", "fit to width");
}

function renderTools() {
  render(html`<${Tools} net=${nets[state.net]} act=${act} said=${told} />`, document.getElementById("tools"));
}

function redraw() {
  if (!elements.map) return;
  scene = sceneOf(nets, state, hover);
  drawn = draw(nets, state, scene, elements, ownImage);
  const [sentence, more] = saidOf(nets, scene);
  document.getElementById("readout").textContent = sentence;
  document.getElementById("hint").textContent = more;
  document.getElementById("pixel").textContent = drawn.seen ? drawn.seen.text : "";
  render(html`<${Legend} scene=${scene} drawn=${drawn} />`, document.getElementById("legend"));
}

/** Draws before the next frame, however many moves there were. */
function soon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    redraw();
  });
}

function point(to) {
  if (JSON.stringify(to) === JSON.stringify(hover)) return;
  hover = to;
  soon();
}

let addressed = "";

function write() {
  if (location.protocol === "about:") return; // within a notebook: the frame has no address of its own
  addressed = `#${fragment(nets, state)}`;
  if (location.hash !== addressed) window.history.replaceState(null, "", addressed);
}

function tell(text) {
  told = text;
  renderTools();
  setTimeout(() => {
    if (told !== text) return;
    told = "";
    renderTools();
  }, TOLD);
}

// --- what can be done -------------------------------------------------------------------------------------------------

function choose(net, layer) {
  const old = nets[state.net];
  const same = net === state.net && nets[net].sizes[layer].length === old.sizes[state.layer].length;
  const unit = same ? alike(old, state.layer, state.unit, layer) : centre(nets[net], layer);
  set({ net, layer, unit, from: net === state.net ? state.from : 0, pixel: net === state.net ? state.pixel : null });
}

function current() {
  return { net: state.net, layer: state.layer, unit: state.unit };
}

const act = {
  network: (net) => set({ net, ...layerState(nets[net], nets[net].start), from: 0, pixel: null, plane: null }),
  layer: (layer) => choose(state.net, layer),
  from: (from) => set({ from, pixel: null, plane: null }),
  heat: (heat) => set({ heat }),
  plane: (plane) => set({ plane }),
  unitPlane: (plane) => set({ unit: [plane, ...state.unit.slice(1)], plane: null }),
  pin: () => set({ pins: toggled(state.pins, current()) }),
  unpin: (pin) => set({ pins: state.pins.filter((each) => !samePin(each, pin)) }),
  unpinAll: () => set({ pins: [] }),
  choosePin: (pin) => set({ net: pin.net, layer: pin.layer, unit: pin.unit, from: pin.net === state.net ? state.from : 0 }),
  hasImage: () => ownImage !== null,
  ownImage: async (file) => {
    if (!file) return;
    const found = await imageOf(file);
    if (found === null) return tell(`${file.name} is no image`);
    ownImage = found;
    set({});
  },
  noImage: () => {
    ownImage = null;
    set({});
  },
  copyYaml: async () => tell((await copy(nets[state.net].yaml)) ? "YAML copied" : "the browser refused"),
  copyMarkdown: async () => tell((await copy(nets[state.net].markdown)) ? "Markdown copied" : "the browser refused"),
  exportSvg: () => {
    redraw();
    save(svgText(scene, drawn, elements.canvas, ownImage, state, sentences()), `${fileName()}.svg`);
  },
};

/** What stands below an exported view: each field in its colour. */
function sentences() {
  const { series } = drawn.look;
  const each = scene.fields.map(({ found, n, pin }) => {
    const unit = pin || scene.current;
    const said = saidOf(nets, { current: unit, found }).filter(Boolean).join("; ");
    return { text: said, colour: series[n % series.length] };
  });
  return drawn.seen ? [...each, { text: drawn.seen.text }] : each;
}

function fileName() {
  return `${nets[state.net].title}-${nets[state.net].names[state.layer]}`.replace(/[^\w.-]+/g, "_");
}

// --- the drawing, the curves and the tables ---------------------------------------------------------------------------

function netOf(target) {
  return Number(target.closest("[data-net]").dataset.net);
}

function layersOf(target) {
  return target.dataset.row.split(" ").map(Number);
}

/** A click on what stands for several layers takes the next one. */
function chooseAt(target) {
  const layers = layersOf(target);
  const net = netOf(target);
  const at = net === state.net ? layers.indexOf(state.layer) : -1;
  choose(net, layers[(at + 1) % layers.length]);
}

function hoverAt(target) {
  const layer = layersOf(target)[0];
  const net = netOf(target);
  if (net === state.net && layer === state.layer) return point(null);
  const here = nets[net];
  const alikeMaps = net === state.net && here.sizes[layer].length === state.unit.length;
  point({ net, layer, unit: alikeMaps ? alike(here, state.layer, state.unit, layer) : centre(here, layer) });
}

/** Shows which box, column and row belong to the chosen layer. */
function mark() {
  for (const each of document.querySelectorAll(".chosen")) {
    each.classList.remove("chosen");
    each.removeAttribute("aria-current");
  }
  for (const each of document.querySelectorAll(`[data-net="${state.net}"] [data-row]`)) {
    const held = (each.dataset.rows || each.dataset.row).split(" ").map(Number);
    if (!held.includes(state.layer)) continue;
    each.classList.add("chosen");
    each.setAttribute("aria-current", "true");
    if (each.classList.contains("box")) reveal(each);
  }
}

/** Scrolls a box into its own pane, and nothing else. */
function reveal(box) {
  const pane = box.closest(".pane");
  const [outer, inner] = [pane.getBoundingClientRect(), box.getBoundingClientRect()];
  if (inner.top < outer.top || inner.bottom > outer.bottom) pane.scrollTop += inner.top - outer.top - outer.height / 3;
  if (inner.left < outer.left || inner.right > outer.right) pane.scrollLeft += inner.left - outer.left - outer.width / 3;
}

/** The arithmetic of a row, below it, or no more. */
function toggleSums(button) {
  const row = button.closest("tr");
  const open = row.nextElementSibling;
  button.setAttribute("aria-expanded", String(!(open && open.classList.contains("worked"))));
  if (open && open.classList.contains("worked")) return open.remove();
  const cell = document.createElement("td");
  cell.colSpan = row.closest("table").tHead.rows[0].cells.length;
  const text = document.createElement("pre");
  text.textContent = nets[netOf(row)].sums[Number(row.dataset.row) - 1];
  cell.append(text);
  const line = document.createElement("tr");
  line.className = "worked";
  line.append(cell);
  row.after(line);
}

document.addEventListener("click", (event) => {
  const sums = event.target.closest("button.sum");
  if (sums) return toggleSums(sums);
  const link = event.target.closest('a[href^="#"]');
  if (link) {
    event.preventDefault();
    return follow(link.getAttribute("href"));
  }
  const target = event.target.closest("[data-row]");
  if (target) chooseAt(target);
});

document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch") return;
  const target = event.target.closest("[data-row]");
  if (target) hoverAt(target);
  else if (hover && !event.target.closest("#map")) point(null);
});

function follow(text) {
  const { pins, ...changes } = parsed(nets, text, state);
  set(changes);
  document.getElementById("seen").scrollIntoView({ block: "nearest" });
}

window.addEventListener("hashchange", () => {
  if (nets.length && location.hash !== addressed) set(parsed(nets, location.hash, state));
});
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => nets.length && put({}));
window.addEventListener("beforeprint", () => redraw());

// --- keys -------------------------------------------------------------------------------------------------------------

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** A place moved along the last two axes, within its map. */
function moved(place, sizes, [down, right]) {
  const found = place.slice();
  const columns = place.length - 1;
  const by = (axis, steps) => Math.min(sizes[axis] - 1, Math.max(0, found[axis] + steps));
  if (columns > 0) found[columns - 1] = by(columns - 1, down);
  found[columns] = by(columns, right);
  return found;
}

function mapKey(event) {
  const arrow = ARROWS[event.key];
  if (arrow) set({ unit: moved(state.unit, nets[state.net].sizes[state.layer], arrow) });
  else if (event.key === "Enter" || event.key === " ") act.pin();
  else return false;
  return true;
}

function planeKey(event) {
  const arrow = ARROWS[event.key];
  if (!arrow) return false;
  const start = scene.sizes.map((size, axis) => (axis === 0 && scene.sizes.length === 3 ? scene.plane : size >> 1));
  set({ pixel: state.pixel ? moved(state.pixel, scene.sizes, arrow) : start });
  return true;
}

function graphKey(event, graph) {
  const boxes = [...graph.querySelectorAll(".box[data-row]")];
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!step) return false;
  const at = boxes.findIndex((box) => box.classList.contains("chosen"));
  chooseAt(boxes[Math.min(boxes.length - 1, Math.max(0, at + step))]);
  return true;
}

function pageKey(event) {
  const last = nets[state.net].names.length - 1;
  if (event.key === "j") choose(state.net, Math.min(last, state.layer + 1));
  else if (event.key === "k") choose(state.net, Math.max(1, state.layer - 1));
  else if (event.key === "p") act.pin();
  else if (event.key === "Escape") set(state.pixel ? { pixel: null } : { pins: [] });
  else return false;
  return true;
}

document.addEventListener("keydown", (event) => {
  if (!nets.length) return;
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea, [contenteditable]")) return;
  const graph = event.target.closest("svg.graph");
  const own =
    (event.target.closest("#map") && mapKey(event)) ||
    (event.target.closest("#plane") && planeKey(event)) ||
    (graph && graphKey(event, graph));
  if (own || pageKey(event)) event.preventDefault();
});

// --- the pointer on map and plane -------------------------------------------------------------------------------------

function shares(event, target) {
  const box = target.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function unitUnder(event) {
  return unitAt(nets[state.net].sizes[state.layer], ...shares(event, elements.map), state.unit[0]);
}

/** Moving shows a unit, dragging keeps the last one, a click pins it. */
function watchMap(map) {
  let dragged = null;
  map.addEventListener("pointerdown", (event) => {
    map.setPointerCapture(event.pointerId);
    dragged = { from: unitUnder(event), far: false };
  });
  map.addEventListener("pointermove", (event) => {
    const unit = unitUnder(event);
    if (dragged && unit.join() !== dragged.from.join()) dragged.far = true;
    point({ net: state.net, layer: state.layer, unit });
  });
  map.addEventListener("pointerup", (event) => {
    const unit = unitUnder(event);
    const far = dragged && dragged.far;
    dragged = null;
    set(far ? { unit } : { unit, pins: toggled(state.pins, { ...current(), unit }) });
  });
  map.addEventListener("pointercancel", () => (dragged = null));
  map.addEventListener("pointerleave", () => point(null));
}

function watchPlane(plane) {
  plane.addEventListener("click", (event) => {
    const place = placeAt(drawn.frame, scene.sizes, ...shares(event, plane), scene.plane);
    set({ pixel: place && state.pixel && place.join() === state.pixel.join() ? null : place });
  });
}

function begin() {
  watchMap(elements.map);
  watchPlane(elements.plane);
  redraw();
}

// --- what stays -------------------------------------------------------------------------------------------------------

/** The colours of counts, once, for the legend. */
function ramp() {
  const stops = VIRIDIS.filter((_, i) => i % 15 === 0).map(([r, g, b], i) =>
    element("stop", { offset: i / 17, "stop-color": `rgb(${r},${g},${b})` }),
  );
  const gradient = element("linearGradient", { id: "viridis" }, ...stops);
  const holder = element("svg", { width: 0, height: 0, class: "hidden", "aria-hidden": "true" });
  holder.append(element("defs", {}, gradient));
  document.body.append(holder);
}

/** A box to tick that puts a class on the page. */
function toggle(id, name, label) {
  const change = (event) => document.body.classList.toggle(name, event.target.checked);
  const box = html`<label><input type="checkbox" onChange=${change} /> ${label}</label>`;
  render(box, document.getElementById(id));
}

// --- explore.js
// The page from disk: it holds its data.

show(JSON.parse(document.getElementById("rfcalc-data").textContent));
})();
