// Draws the way from the causes to the training asset. The tree beside it says the same without scripts.
// Names come from elsewhere: they are only ever handed to the canvas or to textContent.
"use strict";
document.addEventListener("DOMContentLoaded", async () => {
  const box = document.getElementById("graph");
  if (!box) return;
  const drawing = box.closest(".drawing");
  let told;
  try {
    const answer = await fetch(box.dataset.url, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    told = await answer.json();
  } catch {
    return; // the tree stands there already
  }
  if (told.nodes.length < 2) return;
  drawing.classList.add("drawn");

  const RANK = ["BLOCK", "UNKNOWN", "WARN", "WAIVED"];
  const WORD = { BLOCK: "restricted", UNKNOWN: "not known", WARN: "conditions", WAIVED: "waived" };
  const KIND = { target: "training asset", dataset: "dataset", public: "public source", model: "model", chain: "datasets in a row" };
  const MOST = 34;
  const short = (text) => {
    const all = Array.from(text);
    return all.length <= MOST ? text : all.slice(0, MOST / 2).join("") + "…" + all.slice(1 - MOST / 2).join("");
  };
  const effect = (node) => RANK.find((e) => node.effects.includes(e)) || "none";
  const label = (node) => {
    const many = node.count > 1 ? ` ×${node.count.toLocaleString("en")}` : "";
    const said = effect(node) === "none" || node.kind === "target" ? "" : ` · ${WORD[effect(node)]}`;
    return `${short(node.shown)}\n${KIND[node.kind]}${many}${said}`;
  };

  // On a narrow screen the way goes down, as what lies side by side would be too small to be read.
  const narrow = matchMedia("(max-width: 40rem)").matches;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const colours = () => {
    const of = (name) => getComputedStyle(drawing.querySelector(`.palette .${name}`));
    const root = getComputedStyle(document.body);
    return { ink: root.color, soft: of("soft").color, sheet: of("plain").backgroundColor,
      BLOCK: of("BLOCK"), UNKNOWN: of("UNKNOWN"), WARN: of("WARN"), WAIVED: of("WAIVED") };
  };
  const style = () => {
    const c = colours();
    const marked = RANK.map((e) => ({ selector: `node[effect="${e}"]`, style: {
      "border-color": c[e].color, "background-color": c[e].backgroundColor, color: c[e].color, "border-width": 2.5,
      "border-style": e === "UNKNOWN" ? "dashed" : "solid" } }));
    return [
      { selector: "node", style: {
        label: "data(label)", "text-wrap": "wrap", "text-valign": "center", "text-halign": "center", "line-height": 1.25,
        "font-family": "system-ui, sans-serif", "font-size": 13, color: c.ink, shape: "round-rectangle",
        width: "data(width)", height: 46, "background-color": c.sheet, "border-width": 1.5, "border-color": c.soft } },
      { selector: 'node[kind="model"]', style: { shape: "cut-rectangle" } },
      ...marked,
      { selector: 'node[kind="target"]', style: { "border-width": 4, "font-weight": 700, color: c.ink, "border-color": c.ink } },
      { selector: "edge", style: {
        width: 1.8, "line-color": c.soft, "target-arrow-color": c.soft, "target-arrow-shape": "triangle", "arrow-scale": 1.1,
        "curve-style": "round-taxi", "taxi-direction": narrow ? "vertical" : "horizontal", "taxi-turn": "50%" } },
      { selector: 'edge[pin="CONSERVATIVE"]', style: { "line-style": "dashed" } },
      { selector: 'edge[influence="INDIRECT"]', style: { "line-style": "dotted" } },
      { selector: ".away", style: { display: "none" } },
      { selector: ".aside", style: { opacity: 0.15 } },
      { selector: ".chosen", style: { "underlay-color": c.ink, "underlay-opacity": 0.25, "underlay-padding": 6 } },
    ];
  };
  const pen = document.createElement("canvas").getContext("2d");
  const width = (node) => {
    pen.font = `${node.kind === "target" ? "bold " : ""}13px system-ui, sans-serif`;
    return Math.max(110, 28 + Math.max(...label(node).split("\n").map((line) => pen.measureText(line).width)));
  };
  const elements = [
    ...told.nodes.map((n) => ({ data: { id: n.id, label: label(n), effect: effect(n), kind: n.kind,
      width: width(n) } })),
    ...told.edges.map((e, n) => ({ data: { id: `edge-${n}`, source: e.source, target: e.target, pin: e.pin, influence: e.influence } })),
  ];
  const cy = cytoscape({ container: box, elements, style: style(), autoungrabify: true, boxSelectionEnabled: false,
    userZoomingEnabled: false, minZoom: 0.05, maxZoom: 2.5, selectionType: "single" });
  const PAD = 18, REM = 16; // pixels
  const fit = () => {
    // As high as the drawing needs at this width: neither a wide empty field nor names too small to be read.
    const shown = cy.elements().not(".away");
    const whole = shown.boundingBox();
    const scale = Math.min(1.1, (box.clientWidth - 2 * PAD) / whole.w);
    const most = box.classList.contains("larger") ? innerHeight * 0.85 : 40 * REM;
    box.style.height = `${Math.round(Math.min(most, Math.max(9 * REM, whole.h * scale + 2 * PAD)))}px`;
    cy.resize();
    cy.fit(shown, PAD);
    if (cy.zoom() > 1.1) { cy.zoom(1.1); cy.center(shown); }
  };
  const lay = (elements) => elements.layout({ name: "dagre", rankDir: narrow ? "TB" : "LR", nodeSep: 14, edgeSep: 8, rankSep: 46, animate: false, fit: false }).run();
  lay(cy.elements());
  fit();
  const places = new Map(cy.nodes().map((n) => [n.id(), { ...n.position() }]));

  const summaries = new Map();
  for (const each of drawing.querySelectorAll("[data-node]")) {
    if (!summaries.has(each.dataset.node)) summaries.set(each.dataset.node, []);
    summaries.get(each.dataset.node).push(each);
  }
  // Whether names cannot be read while everything is seen.
  const crowded = cy.zoom() < 0.6;
  drawing.classList.toggle("crowded", crowded);
  let opened = null;
  const hint = drawing.querySelector(".hint");
  const advice = hint.textContent;
  const clear = () => {
    hint.textContent = advice;
    cy.elements().removeClass("chosen aside away");
    for (const each of drawing.querySelectorAll(".chosen")) each.classList.remove("chosen");
  };
  const show = () => {
    cy.nodes().positions((n) => places.get(n.id()));
    fit();
  };
  const choose = (id) => {
    clear();
    const node = cy.getElementById(id);
    node.addClass("chosen");
    for (const each of summaries.get(id) || []) each.classList.add("chosen");
    if (!node.length) return;
    // Of a node only its way to the training asset counts; of the training asset, everything.
    const all = node.data("kind") === "target";
    const way = all ? cy.elements() : node.union(node.successors());
    if (crowded && !all) {
      cy.elements().not(way).addClass("away");
      lay(way);
      fit();
      hint.textContent = `Only the way from ${node.data("label").split("\n")[0]} is shown: ${way.nodes().length} of ${cy.nodes().length} nodes. Choose another in the list, or show all.`;
      return;
    }
    if (crowded) { show(); return; }
    cy.elements().not(way).addClass("aside");
    const seen = cy.extent(), at = node.position();
    if (at.x >= seen.x1 && at.x <= seen.x2 && at.y >= seen.y1 && at.y <= seen.y2) return;
    if (still) cy.center(node); else cy.animate({ center: { eles: node }, duration: 200 });
  };
  let pointing = false;
  drawing.addEventListener("pointerdown", () => { pointing = true; });
  addEventListener("pointerup", () => { setTimeout(() => { pointing = false; }); });
  drawing.addEventListener("focusin", (event) => {
    const summary = event.target.closest("summary[data-node]");
    if (!summary) return;
    choose(summary.dataset.node);
    if (pointing) return;
    if (opened && opened !== summary.parentElement) opened.open = false;
    opened = summary.parentElement.open ? null : summary.parentElement;
    summary.parentElement.open = true;
  });
  cy.on("tap", "node", (event) => {
    const [summary] = summaries.get(event.target.id()) || [];
    choose(event.target.id());
    if (!summary) return;
    summary.parentElement.open = true;
    summary.scrollIntoView({ block: "nearest" });
  });
  cy.on("tap", (event) => {
    if (event.target === cy) { clear(); show(); }
  });
  drawing.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { clear(); show(); }
  });
  const zoom = (by, at) => cy.zoom({ level: cy.zoom() * by, renderedPosition: at || { x: cy.width() / 2, y: cy.height() / 2 } });
  box.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // or nobody could scroll past it
    event.preventDefault();
    const frame = box.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, { x: event.clientX - frame.left, y: event.clientY - frame.top });
  }, { passive: false });
  box.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (by) { cy.panBy({ x: by[0], y: by[1] }); event.preventDefault(); }
    else if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(1 / 1.25);
    else if (event.key === "0") fit();
  });
  const tools = { in: () => zoom(1.25), out: () => zoom(1 / 1.25), fit: () => { clear(); show(); },
    larger: (button) => {
      const on = box.classList.toggle("larger");
      button.setAttribute("aria-pressed", String(on));
      fit();
    } };
  for (const button of drawing.querySelectorAll("button[data-tool]")) {
    button.addEventListener("click", () => tools[button.dataset.tool](button));
  }
  document.addEventListener("theme", () => cy.style(style()));
  addEventListener("resize", fit);
  // What cannot be read at once begins with the nearest source that stops it; the others are one step away.
  const [source] = told.nodes.filter((n) => n.kind === "model" && effect(n) !== "none")
    .sort((a, b) => RANK.indexOf(effect(a)) - RANK.indexOf(effect(b)) || a.depth - b.depth);
  if (crowded && source) choose(source.id);
  // Tests ask it where things are.
  box.dataset.nodes = String(cy.nodes().length);
  box.dataset.zoom = cy.zoom().toFixed(3);
  cy.on("zoom", () => { box.dataset.zoom = cy.zoom().toFixed(3); });
});
