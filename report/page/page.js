"use strict";
(() => {
  const root = document.documentElement;
  const $ = (q, from = document) => from.querySelector(q);
  const $$ = (q, from = document) => [...from.querySelectorAll(q)];
  root.classList.add("has-js");

  // The view's state lives in the URL hash: #anchor?metric=p99&theme=dark.
  const state = { anchor: "", view: new URLSearchParams() };
  function readHash() {
    const [anchor, query] = location.hash.slice(1).split("?");
    state.anchor = anchor;
    if (query !== undefined) state.view = new URLSearchParams(query);
  }
  function writeHash() {
    const query = state.view.toString();
    history.replaceState(null, "", "#" + state.anchor + (query ? "?" + query : ""));
  }
  function set(key, value) {
    if (value) state.view.set(key, value); else state.view.delete(key);
    writeHash();
  }

  // Theme: the script only overrides what the style sheet follows by itself.
  const themes = ["", "dark", "light"];
  function showTheme() {
    const theme = state.view.get("theme") || "";
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    $("#theme").textContent = "Theme: " + (theme || "auto");
  }
  function nextTheme() {
    const i = themes.indexOf(state.view.get("theme") || "");
    set("theme", themes[(i + 1) % themes.length]);
    try { localStorage.setItem("switchyard-theme", state.view.get("theme") || ""); } catch { /* file pages may have no storage */ }
    showTheme();
  }

  // Metric of the matrix.
  function showMetric() {
    const pick = document.getElementById("metric-" + (state.view.get("metric") || "throughput"));
    if (pick) pick.checked = true;
  }

  // Ratios against a chosen baseline instead of each row's best. Both ratios
  // are over the same cases, so the quotient is the ratio asked for.
  function format(r) {
    const a = Math.abs(r);
    if (a >= 1e6 || (a < 0.00995 && a > 0)) return r.toPrecision(2);
    return r.toFixed(a >= 99.5 ? 0 : a >= 9.95 ? 1 : a >= 0.0995 ? 2 : 3);
  }
  const matters = parseFloat($("main").dataset.matters); // a share
  function showBaseline() {
    const name = state.view.get("baseline") || "";
    const select = $("#baseline");
    select.value = name;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
    const col = select.selectedIndex - 1;
    // What speaks of the best must not stand beside ratios over another.
    for (const el of $$(".over")) el.textContent = col < 0 ? "the row’s best" : name;
    for (const el of $$(".based")) el.hidden = col < 0;
    for (const el of $$(".best.ramp")) el.hidden = col >= 0;
    for (const el of $$(".matrix")) el.classList.toggle("against", col >= 0);
    for (const row of $$(".matrix tr")) {
      const cells = $$("td", row).filter(td => $(".ratio", td));
      const base = col >= 0 && cells[col] ? parseFloat(cells[col].dataset.v) : 1;
      for (const td of cells) {
        const out = $(".ratio", td), v = parseFloat(td.dataset.v);
        out.dataset.best ??= out.textContent;
        if (!Number.isFinite(v)) continue;
        const gain = row.closest(".matrix").hasAttribute("data-higher") ? v / base : base / v;
        td.classList.toggle("gain", col >= 0 && gain > 1 + matters);
        out.textContent = col < 0 ? out.dataset.best : Number.isFinite(base) ? format(v / base) + "×" : "no baseline";
      }
    }
  }

  // Filter workloads by name.
  function showFilter() {
    const q = (state.view.get("q") || "").toLowerCase();
    $("#filter").value = state.view.get("q") || "";
    for (const el of $$("[data-workload]")) el.hidden = !el.dataset.workload.toLowerCase().includes(q);
    // What holds nothing else goes with it, and what counts it counts the rest;
    // sums over all workloads are not those of the few.
    for (const box of $$("[data-holds]")) {
      const shown = $$("[data-workload]", box).filter(el => !el.hidden);
      box.hidden = !shown.length;
      const count = $(".count", box);
      if (count && box.tagName === "DETAILS") count.textContent = shown.length;
    }
    for (const sums of $$(".matrix tfoot")) sums.hidden = !!q;
    $("#nothing").textContent = $$(".workload").every(el => el.hidden) ? `No workload has “${q}” in its name.` : "";
  }

  // One model lit up in all charts.
  function light(name) {
    for (const svg of $$("svg.plot")) svg.classList.toggle("lit", !!name);
    for (const g of $$("svg.plot [data-model]")) g.classList.toggle("on", g.dataset.model === name);
  }
  function showModel() {
    const name = state.view.get("model") || "";
    for (const chip of $$("[data-pick]")) chip.setAttribute("aria-pressed", chip.dataset.pick === name);
    light(name);
  }
  for (const chip of $$("[data-pick]")) chip.addEventListener("click", () => {
    set("model", state.view.get("model") === chip.dataset.pick ? "" : chip.dataset.pick);
    showModel();
  });
  document.addEventListener("pointerover", e => {
    const mark = e.target.closest("svg.plot [data-model]");
    if (mark) light(mark.dataset.model);
  });
  document.addEventListener("pointerout", e => {
    if (e.target.closest("svg.plot [data-model]")) light(state.view.get("model") || "");
  });

  // One tab stop per chart; arrow keys walk through its marks.
  for (const svg of $$("svg.plot")) {
    svg.addEventListener("keydown", e => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
      if (!step) return;
      const marks = $$("[data-model]", svg);
      if (!marks.length) return;
      e.preventDefault();
      const at = marks.findIndex(m => m.classList.contains("at"));
      const next = marks[(at + step + marks.length) % marks.length];
      for (const m of marks) m.classList.toggle("at", m === next);
      light(next.dataset.model);
      svg.setAttribute("aria-label", (svg.dataset.label ??= svg.getAttribute("aria-label") || "") + ": " + ($("title", next)?.textContent || next.dataset.model));
    });
    svg.addEventListener("blur", () => light(state.view.get("model") || ""));
  }

  // Sorting: rows of number tables, bodies of the matrix.
  function key(tr, i) {
    const cell = tr.cells[i], v = cell?.dataset.v;
    if (v === undefined) return cell?.textContent.trim() ?? "";
    const n = parseFloat(v);
    return v !== "" && Number.isFinite(n) && /^[-+\d.e]+$/i.test(v) ? n : v;
  }
  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a === "number") return -1;
    if (typeof b === "number") return 1;
    return a === "" ? 1 : b === "" ? -1 : String(a).localeCompare(String(b), "en", { numeric: true });
  }
  for (const table of $$("table.matrix, table.sortable")) {
    const heads = $$("thead th", table);
    const matrix = table.classList.contains("matrix");
    const items = matrix ? $$("tbody", table) : $$("tbody tr", table);
    heads.forEach((th, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...th.childNodes);
      button.title = "Sort; a third time for the first order";
      th.append(button);
      button.addEventListener("click", () => {
        const next = { ascending: "none", descending: "ascending" }[th.getAttribute("aria-sort")] || "descending";
        for (const h of heads) h.removeAttribute("aria-sort");
        let order = items;
        if (next !== "none") {
          th.setAttribute("aria-sort", next);
          const sign = next === "ascending" ? 1 : -1;
          const row = el => matrix ? el.rows[0] : el;
          order = [...items].sort((a, b) => {
            const x = key(row(a), i), y = key(row(b), i);
            const both = typeof x === typeof y && x !== "" && y !== "";
            return both ? sign * compare(x, y) : compare(x, y);
          });
        }
        const parent = matrix ? table : table.tBodies[0];
        const before = matrix ? table.tFoot : null;
        for (const el of order) parent.insertBefore(el, before);
      });
    });
  }

  // Downloads, from the results embedded in the page.
  function save(name, type, text) {
    const a = document.createElement("a");
    a.href = URL.createObjectURL(new Blob([text], { type }));
    a.download = name;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 10000);
  }
  function csv(data) {
    // A leading =, +, - or @ would be a formula to a spreadsheet.
    const quote = s => '"' + String(s).replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""') + '"';
    const lines = ["workload,case,model,cpus,line,block,iterations,unit,value"];
    for (const c of data.cells) for (const r of c.results || []) (c.units || []).forEach((u, i) => {
      if (r[3 + i] !== null) lines.push([quote(c.workload), quote(c.case), quote(c.model), c.cpus || "", r[0], r[1], r[2], quote(u), r[3 + i]].join(","));
    });
    return lines.join("\n") + "\n";
  }
  const results = () => $("#results").textContent;
  $("#save-json").addEventListener("click", () => save("switchyard.json", "application/json", results()));
  $("#save-csv").addEventListener("click", () => save("switchyard.csv", "text/csv", csv(JSON.parse(results()))));

  // Anchors: a case's anchor picks the case and scrolls to its charts.
  function go() {
    const el = state.anchor && document.getElementById(state.anchor);
    if (!el) return;
    if (el.closest("[hidden]")) { // a link leads to what the filter hides
      state.view.delete("q");
      writeHash();
      showFilter();
    }
    for (let box = el.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    if (el.matches("input[name=metric]")) {
      state.anchor = "matrix";
      set("metric", el.value === "throughput" ? "" : el.value);
      showMetric();
      $("#matrix").scrollIntoView();
    } else if (el.matches("input.pick")) {
      el.checked = true;
      el.closest(".cases").scrollIntoView();
    } else if (state.view.toString()) {
      el.scrollIntoView();
    }
  }
  // A browser may not scroll again to where it is, nor say that the hash is new.
  document.addEventListener("click", e => {
    const link = e.target.closest("a[href^='#']");
    if (link && !e.ctrlKey && !e.metaKey && !e.shiftKey) { state.anchor = link.hash.slice(1); go(); }
  });
  for (const pick of $$("input.pick")) pick.addEventListener("change", () => {
    if (pick.name === "metric") set("metric", pick.value === "throughput" ? "" : pick.value);
    else { state.anchor = pick.value; writeHash(); }
  });
  $("#tools").addEventListener("submit", e => e.preventDefault());
  $("#theme").addEventListener("click", nextTheme);
  $("#baseline").addEventListener("change", e => { set("baseline", e.target.selectedIndex ? e.target.value : ""); showBaseline(); });
  $("#filter").addEventListener("input", e => { set("q", e.target.value); showFilter(); });
  document.addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches("input[type=search], select")) return;
    if (e.key === "/") { e.preventDefault(); $("#filter").focus(); }
    if (e.key === "t") nextTheme();
    if (e.key === "m") {
      const picks = $$("input[name=metric]");
      const at = picks.findIndex(p => p.checked);
      set("metric", picks[(at + 1) % picks.length].value);
      showMetric();
    }
  });

  function show() {
    readHash();
    showTheme(); showMetric(); showBaseline(); showFilter(); showModel();
    writeHash();
    go();
  }
  addEventListener("hashchange", show);
  readHash();
  if (!state.view.has("theme")) {
    try { const t = localStorage.getItem("switchyard-theme"); if (t) state.view.set("theme", t); } catch { /* no storage */ }
  }
  show();
})();
